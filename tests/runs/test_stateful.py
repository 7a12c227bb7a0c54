"""Whatever is stepped, changed, gone back to and opened again: every position is as deep copies of it were."""

from __future__ import annotations

import copy
from itertools import count

from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

import pforge_lab as pf
from tests.runs.walking import (
    alias,
    array,
    arrow,
    buffer,
    change,
    frame,
    inside,
    kinds,
    masked,
    nested,
    number,
    objects,
    part,
    refuse,
    rows,
    same,
    shape_of_aliasing,
    spoil,
    table,
    view,
)  # fmt: skip
from tests.state.servers import servers

_numbers = count()


INPUTS = (frame, array, nested, number)
MAKERS = (*INPUTS, rows, table, kinds, masked, objects, buffer, arrow)
USERS = (alias, inside, view, part, spoil, refuse)
NAMES = ("p", "q", "r", "s")

steps = st.lists(
    st.tuples(st.sampled_from((*MAKERS, *USERS)), st.sampled_from(NAMES), st.sampled_from(NAMES)),
    min_size=3,
    max_size=9,
)


class Walks(RuleBasedStateMachine):
    """Moves a run at random, and compares it with what deep copies say."""

    url = "memory:stateful-{}"

    @initialize(plan=steps)
    def begin(self, plan):
        """Start a run of a random pipeline; the copy at its first position is all there is."""
        self.place = self.url.format(next(_numbers))
        self.plan = plan
        self.state = pf.open_state(self.place)
        inputs = {name: maker() for name, maker in zip(NAMES, INPUTS, strict=True)}
        made = [
            pf.Step(
                tool,
                input=None if tool in MAKERS else {"x": "{{ " + source + " }}"},
                output_var=target,
                error_policy="continue",
            )
            for tool, source, target in plan
        ]
        pipeline = pf.Pipeline("walk", params=dict.fromkeys(NAMES, "any"), steps=made)
        self.run = pipeline.start(inputs, state=self.state)
        self.line = [self.now()]
        self.held = []

    def now(self):
        """Return a deep copy of the live variables, and how they alias."""
        live = self.run._scope.values()
        return copy.deepcopy(live), shape_of_aliasing(live)

    def is_edited(self):
        """Return whether something was changed in place since the position was reached."""
        live = self.run._scope.values()
        return not same(live, self.line[self.run.position][0])

    def accepted(self, start, *copies):
        """Note what was accepted after a position: it replaces what was beyond it."""
        self.line = [*self.line[: start + 1], *copies]
        assert self.run.position == len(self.line) - 1

    @precondition(lambda self: self.run.next_label is not None)
    @rule()
    def step(self):
        """Execute a step; objects changed by hand before become an edit."""
        before, start, edited = self.now(), self.run.position, self.is_edited()
        self.run.step()
        self.accepted(start, *[before] * edited, self.now())
        assert [record.status == "edited" for record in self.run.history[start:]] == [True] * edited + [False]

    @rule(name=st.sampled_from(NAMES), how=st.sampled_from((*MAKERS, inside)))
    def set(self, name, how):
        """Give a variable another value; it may hold another variable."""
        other = self.run[NAMES[0]] if how is inside else None
        before, start, edited = self.now(), self.run.position, self.is_edited()
        self.run.set(**{name: inside(other) if how is inside else how()})
        self.accepted(start, *[before] * edited, self.now())

    @rule(name=st.sampled_from(NAMES))
    def look(self, name):
        """Hold on to an object of the run, which changes nothing."""
        self.held.append(self.run[name])

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def change_in_place(self, data):
        """Change an object that was handed out, by hand; of this run still or not any more."""
        change(data.draw(st.sampled_from(range(len(self.held))).map(lambda i: self.held[i])))

    @rule(data=st.data())
    def goto(self, data):
        """Go anywhere on the line; what was changed by hand becomes an edit, of a new line when not at the end."""
        if self.is_edited() and self.run.position == len(self.line) - 1:
            self.line.append(self.now())
            end = len(self.line) - 2
        else:
            end = len(self.line) - 1
        self.run.goto(data.draw(st.integers(0, end)))

    @rule()
    def fork(self):
        """Go on with a fork; what was changed by hand becomes an edit that both have."""
        before, start, edited = self.now(), self.run.position, self.is_edited()
        self.run = self.run.fork()
        self.accepted(start, *[before] * edited)

    @invariant()
    def every_position_is_as_it_was(self):
        """All snapshots of the line are equal to the copies, and alias as they did."""
        if not hasattr(self, "run"):
            return
        for position, (expected, aliasing) in enumerate(self.line):
            found = dict(self.run.at(position).variables)
            assert list(found) == list(expected)
            for name, value in expected.items():
                assert same(found[name], value), (position, name)
            assert shape_of_aliasing(found) == aliasing, position

    def teardown(self):
        """Close the store."""
        if hasattr(self, "state"):
            self.state.close()


def explore(machine, examples):
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=14,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )


def test_history_is_right_in_memory(heavy):
    """Of 500 random walks in `make test-full`."""
    explore(Walks, heavy(500))


def test_history_is_right_in_a_file(heavy, tmp_path):
    """Of as many, in a file each."""

    class InFile(Walks):
        url = str(tmp_path / "walk-{}.fs")

    explore(InFile, heavy(500))


def test_history_is_right_on_a_server(heavy):
    """Of 100, all in one store."""

    class OnServer(Walks):
        url = servers["redis"]()

    explore(OnServer, heavy(100))
