"""Every store behaves as a dict with expiry does, whatever is done to it in whatever order."""
# ruff: noqa: D102 - the names of the rules are their sentences

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from pforge_lab.errors import StateConflict, StateError, WrongValue
from tests.state.lifetime import PRECISION, Span

KEYS = st.sampled_from(["a", "a/1", "a/2", "b", "é", "\U0001f600", "z" * 100])
VALUES = st.one_of(
    st.binary(max_size=20),
    st.integers(-5, 5).map(lambda number: b"%d" % number),
    st.sampled_from([500, 512, 513, 5000, 1_048_576, 1_048_577]).flatmap(
        lambda size: st.binary(min_size=1, max_size=1).map(lambda byte: byte * size)
    ),
)
PARTS = range(6 if os.environ.get("PFORGE_TEST_FULL") == "1" else 1)
TTLS = st.one_of(st.none(), st.sampled_from([0, 1, 5, 20, 100]))


class Model:
    """The contract in a few lines: a dict of values and the moments they end at, the first and the last possible.

    A clock that goes on by itself passes from one to the other while the store is at work; on one that
    stands still they are the same.
    """

    def __init__(self, clock):
        self.clock = clock
        self.entries = {}
        self.begun = clock()

    def begin(self):
        """Note that what is done next begins now."""
        self.begun = self.clock()

    def live(self):
        """Return what has not expired."""
        return {
            key: value
            for key, (value, until) in self.entries.items()
            if until is None or until[1] > self.clock()
        }

    def get(self, key):
        """Return the live value."""
        return self.live().get(key)

    def until(self, key):
        """Return when a live key expires."""
        return self.entries[key][1] if key in self.live() else None

    def put(self, key, value, ttl):
        """Store."""
        self.entries[key] = (value, None if ttl is None else (self.begun + ttl, self.clock() + ttl))


class Store(RuleBasedStateMachine):
    """Do the same to a store and to the model."""

    def __init__(self, make):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.backend = make(self.folder)
        self.model = Model(self.backend.clock)
        self.compacted = False

    @initialize()
    def begin(self):
        self.state = self.backend.open()
        self.model.begin()

    def teardown(self):
        self.backend.close()
        shutil.rmtree(self.folder, ignore_errors=True)  # a crash moves it

    def lifetime(self, ttl):
        """Return a lifetime that does not end at the very moment another step looks."""
        return 100 if self.backend.coarse and ttl else ttl

    @rule(key=KEYS, value=VALUES, ttl=TTLS)
    def set(self, key, value, ttl):
        ttl = self.lifetime(ttl)
        self.state.set(key, value, ttl)
        self.model.put(key, value, ttl)

    @rule(mapping=st.dictionaries(KEYS, VALUES), ttl=TTLS)
    def set_many(self, mapping, ttl):
        ttl = self.lifetime(ttl)
        self.state.set_many(mapping, ttl)
        for key, value in mapping.items():
            self.model.put(key, value, ttl)

    @rule(key=KEYS)
    def delete(self, key):
        assert self.state.delete(key) == (key in self.model.live())
        self.model.entries.pop(key, None)

    @rule(key=KEYS, ttl=TTLS)
    def expire(self, key, ttl):
        ttl = self.lifetime(ttl)
        exists = key in self.model.live()
        assert self.state.expire(key, ttl) == exists
        if exists:
            self.model.put(key, self.model.get(key), ttl)

    @rule(key=KEYS, right=st.booleans(), new=st.one_of(st.none(), VALUES), ttl=TTLS)
    def compare_and_set(self, key, right, new, ttl):
        current = self.model.get(key)
        ttl = self.lifetime(ttl)
        expected = current if right else b"something else"
        assert self.state.compare_and_set(key, expected, new, ttl) == right
        if right and new is None:
            self.model.entries.pop(key, None)
        elif right:
            self.model.put(key, new, ttl)

    @rule(key=KEYS, by=st.integers(-100, 100), ttl=TTLS)
    def increment(self, key, by, ttl):
        ttl = self.lifetime(ttl)
        current = self.model.get(key)
        try:
            total = (0 if current is None else int(current.decode("ascii"))) + by
            valid = -(2**63) <= total < 2**63 and (current is None or current == b"%d" % int(current))
        except ValueError:
            valid = False
        if not valid:
            with pytest.raises((StateError, WrongValue)):
                self.state.increment(key, by, ttl)
            return
        assert self.state.increment(key, by, ttl) == total
        if current is None:
            self.model.put(key, b"%d" % total, ttl)
        else:
            self.model.entries[key] = (b"%d" % total, self.model.until(key))

    @rule(
        guarded=KEYS,
        right=st.booleans(),
        changes=st.dictionaries(KEYS, st.one_of(st.none(), VALUES)),
        ttl=TTLS,
    )
    def batch(self, guarded, right, changes, ttl):
        ttl = self.lifetime(ttl)
        guard = {guarded: self.model.get(guarded) if right else b"something else"}
        try:
            with self.state.batch(guard) as batch:
                for key, value in changes.items():
                    batch.delete(key) if value is None else batch.set(key, value, ttl)
        except StateConflict:
            assert not right
            return
        assert right
        for key, value in changes.items():
            if value is None:
                self.model.entries.pop(key, None)
            else:
                self.model.put(key, value, ttl)

    @rule(key=KEYS, value=VALUES)
    def get_or_compute(self, key, value):
        expected = self.model.get(key)
        assert self.state.get_or_compute(key, lambda: value) == (value if expected is None else expected)
        if expected is None:
            self.model.put(key, value, None)

    @rule(seconds=st.sampled_from([0.05, 1, 4.95, 30, 1000]))
    def time_passes(self, seconds):
        self.backend.pass_time(max(seconds, 30) if self.backend.coarse else seconds)

    @rule()
    def cleanup(self):
        self.state.cleanup()
        assert self.state.stats().expired == 0

    @precondition(
        lambda self: not (self.backend.shared and self.compacted)
    )  # takes a good part of a second there
    @rule()
    def compact(self):
        self.compacted = True
        self.state.compact()

    @precondition(lambda self: self.backend.persistent)
    @rule()
    def reopen(self):
        self.state.close()
        self.state = self.backend.open()

    @precondition(lambda self: self.backend.persistent)
    @rule()
    def crash_and_reopen(self):
        self.state = self.backend.crash(self.state)

    @invariant()
    def agrees(self):
        if not hasattr(self, "state"):
            return
        live = self.model.live()
        keys = self.state.keys()
        assert keys == sorted(live)
        assert self.state.get_many(keys) == live
        assert self.state.keys("a/") == [key for key in keys if key.startswith("a/")]
        for key, value in list(live.items())[: 1 if self.backend.shared else None]:
            assert self.state.get(key) == value
            self.agrees_on_what_is_left(key)
        self.model.begin()

    def agrees_on_what_is_left(self, key):
        """Compare what a key has left with what it can have, from right before to right after the question."""
        until = self.model.until(key)
        with Span(self.backend.clock) as look:
            left = self.state.ttl(key)
        if until is None:
            assert left is None
        else:
            assert until[0] - look.ended - PRECISION <= left <= until[1] - look.begun + PRECISION


@pytest.mark.parametrize("part", PARTS)
def test_a_store_agrees_with_the_model(part, make_backend, tmp_path, heavy):
    """In parts of fifty examples, each with chances of its own, where there are three hundred."""
    full = heavy(300) == 300
    run_state_machine_as_test(
        lambda: Store(make_backend),
        settings=settings(
            max_examples=heavy(300) // len(PARTS),
            stateful_step_count=25 if full or not make_backend(tmp_path).shared else 10,
            deadline=None,
            derandomize=not full,
            suppress_health_check=list(HealthCheck),
            database=None,
        ),
    )
