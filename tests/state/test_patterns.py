"""Counters, cached results, sessions and rate limits, on every store."""

from __future__ import annotations

import pytest

from pforge_lab.errors import StateError, WrongType, WrongValue
from pforge_lab.state import Counter, RateLimiter, Sessions, cached
from tests.state.lifetime import Lifetime


def test_a_counter_counts_for_all_threads(state, in_threads):
    counter = Counter(state, "n")
    in_threads(8, lambda _: [counter.increment(2) for _ in range(20)])
    assert counter.value == 320
    assert counter.decrement(20) == 300
    counter.reset()
    assert counter.value == 0


def test_a_counter_of_what_is_no_number_says_so(state):
    state.set("n", b"text")
    with pytest.raises(StateError, match="no number"):
        _ = Counter(state, "n").value


def test_a_result_is_computed_once_per_arguments(state, clock, in_threads):
    calls = []

    @cached(state, ttl=10)
    def add(a, b=1, *rest, **more):
        calls.append((a, b))
        return a + b

    assert in_threads(8, lambda _: add(1, 2)) == [3] * 8
    assert add(a=1, b=2) == add(1, b=2) == 3
    assert calls == [(1, 2)]
    assert (add(1), add(1.0), add(1, x=1)) == (2, 2.0, 2)
    assert len(calls) == 4
    clock.now += 10
    assert add(1, 2) == 3
    assert len(calls) == 5


def test_an_edited_function_computes_afresh(state):
    def make(expression):
        scope = {"__name__": "notebook"}
        exec(f"def figure(x): return {expression}", scope)
        return cached(state)(scope["figure"])

    assert make("x + 1")(1) == 2
    assert make("x + 2")(1) == 3
    assert make("x + 1").key(1) == make("x + 1").key(1)


def test_an_exception_is_not_kept(state):
    outcomes = iter([ZeroDivisionError, None])

    @cached(state)
    def fragile():
        outcome = next(outcomes)
        if outcome:
            raise outcome
        return "fine"

    with pytest.raises(ZeroDivisionError):
        fragile()
    assert fragile() == "fine"


def test_none_is_a_result(state):
    calls = []
    nothing = cached(state)(lambda: calls.append(1))
    assert nothing() is None
    assert nothing() is None
    assert len(calls) == 1


def test_a_result_can_be_forgotten(state):
    calls = []
    function = cached(state)(calls.append)
    function(1)
    assert function.forget(1)
    assert not function.forget(1)
    function(1)
    assert calls == [1, 1]


def test_arguments_that_cannot_be_told_apart_are_refused(state):
    function = cached(state)(lambda x: x)
    with pytest.raises(WrongType, match="cannot be told apart"):
        function(lambda: None)


def test_a_coroutine_function_is_refused(state):
    async def function():
        """Do nothing."""

    with pytest.raises(WrongType, match="coroutine function"):
        cached(state)(function)


def test_a_session_lives_while_it_is_used(state, clock):
    sessions = Sessions(state, ttl=100)
    session = sessions.create(user="ada")
    for _ in range(3):
        clock.now += 60
        assert sessions.get(session) == {"user": "ada"}
    clock.now += 100
    assert sessions.get(session) is None
    with pytest.raises(StateError, match="has ended"):
        sessions.update(session, page=1)


def test_updates_of_a_session_by_many_threads_all_count(state, in_threads):
    sessions = Sessions(state, ttl=10)
    session = sessions.create()
    in_threads(8, lambda number: sessions.update(session, **{f"k{number}": number}))
    assert sessions.get(session) == {f"k{number}": number for number in range(8)}
    assert sessions.end(session)
    assert not sessions.end(session)


def test_ids_of_sessions_do_not_repeat(state):
    sessions = Sessions(state, ttl=10)
    assert len({sessions.create() for _ in range(20)}) == 20


def test_a_limit_holds_for_all_threads_and_ends_with_its_window(state, clock, in_threads):
    limiter = RateLimiter(state, limit=10, window=60)
    with Lifetime(clock, 60) as window:
        allowed = in_threads(8, lambda _: [limiter.allow("ada") for _ in range(5)])
    assert sum(map(sum, allowed)) == 10
    assert limiter.remaining("ada") == 0
    assert limiter.remaining("bob") == 10
    clock.now += 20
    window.assert_left(limiter.retry_after, "ada")
    assert limiter.retry_after("bob") == 0
    clock.now += 40
    assert limiter.allow("ada")


@pytest.mark.parametrize(("limit", "window"), [(0, 1), (-1, 1), (1, 0)])
def test_limits_that_are_none_are_refused(state, limit, window):
    with pytest.raises(WrongValue):
        RateLimiter(state, limit=limit, window=window)
