"""What there was no time to size is completed from the snapshots, when it is looked at."""

from __future__ import annotations

import dataclasses
import sys

import numpy as np
import pandas as pd
import pytest

import pforge_lab as pf
from pforge_lab.runs.completion import Completion
from pforge_lab.runs.encoding import decoded, encoded
from pforge_lab.runs.ledger import Ledger, account, examine
from pforge_lab.runs.records import StepRecord, VariableSize

MB = 10**6


def tree():
    return [[[float(number) for number in range(20)] for _ in range(50)] for _ in range(200)]


@pytest.fixture
def run(memory, monkeypatch):
    """Return a run with a variable that there was no time to walk over, however quick the machine is."""
    monkeypatch.setattr(sys.modules[Ledger.__module__], "_WALKING", 1e-9)
    made = tree()
    run = pf.Pipeline("p", params={"made": "array"}, steps=[
        pf.Step(len, label="count", input={"obj": "{{ made }}"}, output_var="n"),
        pf.Step(len, label="again", input={"obj": "{{ made }}"}, output_var="m"),
    ]).start({"made": made}, state=memory)  # fmt: skip
    run.finish()
    return run


def test_a_quick_step_leaves_a_large_variable_hurried_and_looking_completes_it(run):
    assert all(record.sizes["made"].hurried for record in run.history)
    truth = account({"made": tree()})["made"].bytes
    sizes = run.variable_sizes.query("variable == 'made'")
    assert sizes["bytes"].tolist() == pytest.approx([truth] * 2, rel=0.05)
    assert sizes["approx"].all()


def test_the_same_value_at_two_positions_is_loaded_once(run, monkeypatch):
    loads = []
    load = type(run._snapshots).load
    monkeypatch.setattr(
        type(run._snapshots), "load", lambda self, *given: loads.append(given) or load(self, *given)
    )
    first = run.variable_sizes
    assert len(loads) == 1
    assert run.variable_sizes.equals(first)
    assert len(loads) == 1


def test_records_keep_what_was_known_then(run):
    before = run.history
    assert run.variable_sizes is not None
    assert run.history == before
    again = [StepRecord.from_json(decoded(encoded(record.to_json()))) for record in before]
    assert again == list(before)


def test_what_was_sized_in_time_is_left_alone(run):
    fine = dataclasses.replace(run.history[0], sizes={"made": VariableSize(1, 1), "n": VariableSize(2, 2)})
    completion = Completion(run.timeline.manifest, run._snapshots)
    assert completion.of([fine]) == (fine,)


def test_records_tell_who_shares_what(memory):
    """So that dropping one of two owners is not promised to free anything."""

    def raw(n: int):
        return np.ones(n)

    def part(raw):
        return raw[10:]

    def other(n: int):
        return np.ones(2 * n)

    def total(part, other):
        return float(part.sum() + other.sum())

    def end(total, part):
        return total + part[0]

    run = pf.Pipeline.from_functions("sharing", raw, part, other, total, end).start(
        {"n": MB}, state=memory, memory="settle"
    )
    run.finish()
    owners = run.history[1].owners()
    assert owners[("raw", "part")] == 8 * MB
    assert owners[("raw",)] < 1000
    assert sum(owners.values()) == sum(size.bytes for size in run.history[1].sizes.values())
    assert run.dead[2] >= {"raw"}
    assert not any("raw" in names.split(", ") for names in run.advise()["variables"])


def test_little_that_is_shared_is_kept_with_all_that_share_it():
    """Records stay small; nothing is said to be freed too early, and the sum stays."""
    texts = [f"text number {number}" for number in range(40)]
    variables = {f"v{number}": texts[number : number + 2] for number in range(39)}
    taken = examine(variables)
    ((names, size),) = taken.shared()
    assert len(names) == 39
    assert size == sum(size for owners, size in taken.held.items() if len(owners) > 1)


def test_two_variables_of_the_same_content_are_both_completed(memory, monkeypatch):
    """Their snapshots are one chunk; each is completed under its own name."""
    monkeypatch.setattr(sys.modules[Ledger.__module__], "_WALKING", 1e-9)
    run = pf.Pipeline("p", params={"a": "array", "b": "array"}, steps=[
        pf.Step(len, label="count", input={"obj": "{{ a }}"}, output_var="n"),
    ]).start({"a": tree(), "b": tree()}, state=memory)  # fmt: skip
    run.finish()
    truth = account({"made": tree()})["made"].bytes
    sizes = run.variable_sizes.query("variable in ('a', 'b')")
    assert sizes["bytes"].tolist() == pytest.approx([truth] * 2, rel=0.05)


def test_what_is_shared_with_a_variable_of_another_snapshot_counts_once(memory):
    """A frame with a column more shares its old columns; completed, it still holds the new one only."""
    frame = pd.DataFrame({f"c{number}": np.ones(100_000) for number in range(10)})

    def wider(frame):
        return frame.assign(new=frame["c0"] * 2)

    run = pf.Pipeline.from_functions("p", wider).start({"frame": frame}, state=memory, memory="exact")
    record = run.step()
    hurried = dataclasses.replace(record.sizes["wider"], hurried=True, approx=True)
    (completed,) = run._completion.of([dataclasses.replace(record, sizes=record.sizes | {"wider": hurried})])
    assert completed.sizes["wider"].bytes == pytest.approx(0.8 * MB, rel=0.05)
    assert completed.sizes["wider"].reach == pytest.approx(8.8 * MB, rel=0.05)
    assert completed.shared == record.shared
