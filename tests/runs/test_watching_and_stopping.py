"""A run that moves tells those who look on; a step in another thread can be ended."""

from __future__ import annotations

import itertools
import logging
import threading
import time

import pytest

import pforge_lab as pf

BEGUN = threading.Event()


def spin(seconds: float = 60):
    """Use Python for so long, one bytecode after another."""
    BEGUN.set()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass
    return "done"


async def dream(seconds: float = 60):
    """Wait for so long on an event loop."""
    import asyncio

    BEGUN.set()
    await asyncio.sleep(seconds)


def first():
    return [1]


def wait_for(pipeline, url):
    """Start a run whose second step begins in another thread; return both, and what the thread raised."""
    run = pipeline.start(state=url)
    run.step()
    BEGUN.clear()
    raised = []

    def advance():
        try:
            run.finish()
        except BaseException as error:  # noqa: BLE001 - looked at below
            raised.append(error)

    thread = threading.Thread(target=advance)
    thread.start()
    return run, thread, raised


SLEEPS = {
    "python": pf.Step(spin, output_var="x"),
    "python with a limit": pf.Step(spin, output_var="x", timeout_ms=60_000),
    "coroutine": pf.Step(dream, output_var="x"),
    "elements": pf.Step(spin, input={"seconds": "{{ item }}"}, foreach=[60, 60], output_var="x"),
    "side by side": pf.Parallel(
        pf.Step(first, output_var="y"), pf.Step(spin, output_var="x"), label="both", max_parallel=2
    ),
    "one after the other": pf.Parallel(
        pf.Step(spin, output_var="x"), pf.Step(first, output_var="y"), label="both", max_parallel=1
    ),
}


@pytest.mark.parametrize("kind", SLEEPS)
def test_a_step_in_another_thread_is_ended_and_did_not_happen(kind, memory):
    pipeline = pf.Pipeline("long", steps=[pf.Step(first, output_var="one"), SLEEPS[kind]])
    run, thread, raised = wait_for(pipeline, memory)
    assert BEGUN.wait(30)
    assert run.stop()
    thread.join(30)
    assert [type(error) for error in raised] == [KeyboardInterrupt]
    assert (run.position, run.status, run["one"]) == (1, "interrupted", [1])


def test_a_command_is_ended_with_its_children(memory, tmp_path):
    mark = tmp_path / "begun"
    pipeline = pf.Pipeline(
        "long",
        tools=[{"type": "cli", "name": "nap", "command": "sh", "args": ["-c", f"touch {mark}; sleep 60"]}],
        steps=[pf.Step(first, output_var="one"), {"tool": "nap"}],
    )
    run, thread, raised = wait_for(pipeline, memory)
    deadline = time.monotonic() + 30
    while not mark.exists() and time.monotonic() < deadline:
        threading.Event().wait(0.005)
    started = time.monotonic()
    assert run.stop()
    thread.join(30)
    assert time.monotonic() - started < 20
    assert [type(error) for error in raised] == [KeyboardInterrupt]
    assert (run.position, run.status) == (1, "interrupted")


def test_a_stopped_run_goes_on(memory):
    def quick():
        return 2

    pipeline = pf.Pipeline.from_functions("long", first, spin)
    run, thread, _ = wait_for(pipeline, memory)
    assert BEGUN.wait(30)
    run.stop()
    thread.join(30)
    run.set(seconds=0.0)
    assert run.finish().variables["spin"] == "done"


def test_there_may_be_nothing_to_stop(memory):
    run = pf.Pipeline.from_functions("short", first).start(state=memory)
    assert run.stop() is False
    assert run.finish().variables["first"] == [1]


def test_every_move_is_told(memory):
    def second(first):
        return [*first, 2]

    run = pf.Pipeline.from_functions("two", first, second).start(state=memory)
    told = []
    ignore = run.watch(lambda event: told.append((event.kind, event.label)))
    run.finish()
    run.back()
    run.set(first=[5])
    ignore()
    run.finish()
    assert told == [
        ("started", "first"),
        ("kept", "first"),
        ("started", "second"),
        ("kept", "second"),
        ("ended", None),
        ("moved", None),
        ("kept", "edit"),
        ("ended", None),
    ]


def test_a_watcher_that_raises_is_logged_once_and_costs_no_step(memory, caplog):
    run = pf.Pipeline.from_functions("one", first).start(state=memory)
    run.watch(lambda event: 1 / 0)
    with caplog.at_level(logging.ERROR):
        assert run.finish().variables["first"] == [1]
    assert [record.exc_info[0] for record in caplog.records] == [ZeroDivisionError]


@pytest.mark.parametrize("place", ["memory:", "a.fs", "sqlite:///a.db"])
def test_a_step_that_writes_to_its_store_is_stopped_and_the_store_goes_on(place, tmp_path, monkeypatch):
    """Whatever of a write the interrupt meets: it is stored as a whole or not at all, and nobody waits for it for ever."""
    monkeypatch.chdir(tmp_path)
    with pf.open_state(place) as state:
        for number in range(12):
            written = threading.Event()

            def write(store: pf.StateManager, number=number, written=written):
                for turn in itertools.count():
                    store.set_many({f"{side}/{turn % 5}": b"%d" % turn for side in ("left", "right")})
                    if turn > number:
                        written.set()

            steps = [pf.Step(first, output_var="one"), pf.Step(write)]
            run, thread, raised = wait_for(pf.Pipeline("writes", steps=steps), state)
            assert written.wait(30)
            assert run.stop()
            thread.join(30)
            assert [type(error) for error in raised] == [KeyboardInterrupt]
            assert (run.position, run.status) == (1, "interrupted")
            left, right = (
                list(state.get_many(state.keys(f"{side}/")).values()) for side in ("left", "right")
            )
            assert left == right != []
            state.set("after", b"%d" % number)
            assert state.get("after") == b"%d" % number
