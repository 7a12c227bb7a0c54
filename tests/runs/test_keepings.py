"""Runs that are made, moved, forked, deleted and collected in whatever order, beside copies of what they hold."""

from __future__ import annotations

from itertools import count

import numpy as np
import pytest
from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

import pforge_lab as pf
from pforge_lab.runs.chunks import PREFIX as CHUNKS
from pforge_lab.runs.collection import collect_chunks

_numbers = count()


def noise(seed, size=40_000):
    return np.random.default_rng(seed).random(size)


def make(seed: int):
    return noise(seed)


def grow(make):
    make[:100] += 1
    return {"sum": float(make.sum()), "text": "x" * 5000}


def pipeline():
    return pf.Pipeline.from_functions("p", make, grow)


@pytest.fixture
def state(place):
    with pf.open_state(place) as opened:
        yield opened


def chunks(state):
    return set(state.keys(CHUNKS))


# -- whatever is done in whatever order


def is_kept(run, position):
    kept = run.head.kept
    return kept is None or (run.head.lines.holder(position), position) in kept


class Keepings(RuleBasedStateMachine):
    """Runs that are made, moved, forked, deleted and collected at random, beside copies of what they hold."""

    url = "memory:housekeeping-{}"

    @initialize()
    def begin(self):
        """Open a store with nothing in it."""
        self.state = pf.open_state(self.url.format(next(_numbers)))
        self.runs = {}

    @rule(seed=st.integers(0, 3), keep=st.sampled_from(["all", 1, 2, "records", {"done": 1}]))
    def start(self, seed, keep):
        """Start a run; seeds repeat, so runs share chunks."""
        run = pipeline().start({"seed": seed}, state=self.state, keep=keep)
        self.runs[run.id] = (run, [{"seed": seed}])

    @precondition(lambda self: self.runs)
    @rule(data=st.data())
    def step(self, data):
        """Execute a step, where one is left."""
        run, line = self.pick(data)
        if run.next_label is not None:
            run.step()
            self.accepted(run, line)

    @precondition(lambda self: self.runs)
    @rule(data=st.data(), seed=st.integers(0, 3))
    def edit(self, data, seed):
        """Set a variable to what other runs may hold too."""
        run, line = self.pick(data)
        if is_kept(run, run.position):
            run.set(extra=noise(seed), text="y" * 5000 * (seed + 1))
            self.accepted(run, line)

    @precondition(lambda self: self.runs)
    @rule(data=st.data())
    def goto(self, data):
        """Go to a position of the line, where its snapshot was not removed."""
        run, line = self.pick(data)
        position = data.draw(st.integers(0, len(line) - 1))
        if is_kept(run, position):
            run.goto(position)
        else:
            with pytest.raises(pf.PositionError, match="was removed"):
                run.goto(position)

    @precondition(lambda self: self.runs)
    @rule(data=st.data())
    def fork(self, data):
        """Fork a run where it stands."""
        run, line = self.pick(data)
        if is_kept(run, run.position):
            fork = run.fork()
            self.runs[fork.id] = (fork, line[: run.position + 1])

    @precondition(lambda self: self.runs)
    @rule(data=st.data(), collect=st.booleans())
    def delete(self, data, collect):
        """Delete a run."""
        run, _ = self.pick(data)
        del self.runs[run.id]
        pf.delete_run(run.id, state=self.state, collect=collect)

    @rule()
    def collect(self):
        """Collect; all that is there can be loaded, and nothing more is there than is needed."""
        collect_chunks(self.state)
        needed = set()
        for run, line in self.runs.values():
            for position, expected in enumerate(line):
                if not is_kept(run, position):
                    continue
                found = dict(run.at(position).variables)
                assert found.keys() == expected.keys()
                assert all(np.array_equal(found[name], value) for name, value in expected.items())
            for number in run.lines:
                for position in range(number.end + 1):
                    text = self.state.get(run.timeline.journal.key(number.number, position, "manifest"))
                    if text is not None:
                        needed |= run.timeline.journal.manifest(number.number, position).chunk_ids()
        assert {key.removeprefix(CHUNKS) for key in chunks(self.state)} == needed

    def pick(self, data):
        """Return one of the runs."""
        return self.runs[data.draw(st.sampled_from(sorted(self.runs, key=list(self.runs).index)))]

    def accepted(self, run, line):
        """Note what a run holds now, as copies."""
        copies = {
            name: value.copy() if hasattr(value, "copy") else value
            for name, value in run._scope.values().items()
        }
        line[run.position :] = [copies]

    def teardown(self):
        """Look at everything once more, and close the store."""
        if hasattr(self, "state"):
            self.collect()
            self.state.close()


def explore(machine, examples):
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip


def test_nothing_needed_is_collected_in_memory(heavy):
    explore(Keepings, heavy(200))


def test_nothing_needed_is_collected_in_a_file(heavy, tmp_path):
    class InFile(Keepings):
        url = str(tmp_path / "keep-{}.fs")

    explore(InFile, heavy(60))
