"""Whatever is stepped, changed, gone back to and opened again: every position is as deep copies of it were."""

from __future__ import annotations

import copy
from itertools import count

import numpy as np
import pandas as pd
import polars as pl
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
from tests.state.servers import servers

_numbers = count()


def frame():
    return pd.DataFrame({
        "a": range(1500),
        "f": np.linspace(0, 1, 1500),
        "s": [f"x{i % 7}" for i in range(1500)],
        "t": pd.date_range("2026-01-01", periods=1500, tz="Europe/Berlin"),
    })  # fmt: skip


def array():
    return np.arange(6000.0).reshape(60, 100)


def nested():
    return {"list": [1, {"k": (2, [3])}], "set": {"b", "a", "c"}, "text": "x" * 3000}


def number():
    return 7


def rows():
    """Return a list that is long enough to be kept as what differs."""
    return [{"n": i, "t": f"t{i % 50}"} for i in range(3000)]


def table():
    return pl.DataFrame({"a": range(900), "s": [f"x{i % 9}" for i in range(900)]})


def alias(x):
    return x


def inside(x):
    return {"held": x, "beside": [x]}


def view(x):
    return x[::2]


def spoil(x):
    """Change the input in place, whatever it is."""
    change(x)
    return type(x).__name__


def refuse(x):
    change(x)
    raise ValueError("refused")


def change(x):
    """Change a value in place, if that is possible."""
    if isinstance(x, pd.DataFrame):
        x.loc[x.index[3], "a"] = int(x["a"].iloc[3]) + 1
        x[f"new{x.shape[1]}"] = 1.5
    elif isinstance(x, pl.DataFrame):
        x[3, "a"] = x[3, "a"] + 1
    elif isinstance(x, np.ndarray):
        x[0] += 1
    elif isinstance(x, dict):
        if "held" in x:
            change(x["held"])
        x[f"key{len(x)}"] = [len(x)]
    elif isinstance(x, list) and len(x) > 1000:
        del x[len(x) // 3]
        x[-1]["t"] += "longer"
        x.insert(0, {"n": len(x)})
    elif isinstance(x, list):
        x.append(len(x))


INPUTS = (frame, array, nested, number)
MAKERS = (*INPUTS, rows, table)
USERS = (alias, inside, view, spoil, refuse)
NAMES = ("p", "q", "r", "s")

steps = st.lists(
    st.tuples(st.sampled_from((*MAKERS, *USERS)), st.sampled_from(NAMES), st.sampled_from(NAMES)),
    min_size=3,
    max_size=9,
)


def same(a, b):
    """Return whether two values are equal, of equal types."""
    if type(a) is not type(b):
        return False
    if isinstance(a, (pd.DataFrame, pl.DataFrame)):
        return a.equals(b) and list(a.dtypes) == list(b.dtypes) and list(a.columns) == list(b.columns)
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and np.array_equal(a, b)
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)


def shape_of_aliasing(values):
    """Return which variables are one object, hold one another, or share memory."""
    names = sorted(values)
    pairs = set()
    for i, one in enumerate(names):
        for other in names[i + 1 :]:
            a, b = values[one], values[other]
            if isinstance(a, (pd.DataFrame, pl.DataFrame, np.ndarray, dict, list)) and a is b:
                pairs.add((one, "is", other))
            for outer, inner in ((one, other), (other, one)):
                held = values[outer].get("held") if isinstance(values[outer], dict) else None
                if held is not None and held is values[inner] and not isinstance(held, (int, str)):
                    pairs.add((outer, "holds", inner))
            if isinstance(a, np.ndarray) and isinstance(b, np.ndarray) and np.shares_memory(a, b):
                pairs.add((one, "shares", other))
    return pairs


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
