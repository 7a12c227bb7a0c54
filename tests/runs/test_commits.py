"""What a step waits for: the syncs of the disk, counted as the calls that are made."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import numpy as np

import pforge_lab as pf

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def replaced(array: np.ndarray) -> np.ndarray:
    """Return another array."""
    return array + 1.0


def syncs(call: Callable[[], object]) -> int:
    """Return how often the call waited for the disk."""
    waited = 0

    def look(_frame: object, event: str, what: Any) -> None:
        nonlocal waited
        waited += event == "c_call" and what in (getattr(os, "fdatasync", None), os.fsync)

    before = sys.getprofile()
    sys.setprofile(look)
    try:
        call()
    finally:
        sys.setprofile(before)
    return waited


def made(tmp_path: Path) -> pf.Run:
    """Return a run over an array of 5 MB, each step of which makes another one."""
    steps = [
        pf.Step(replaced, input={"array": "{{ array }}"}, output_var="array", label=f"s{number}")
        for number in range(4)
    ]
    pipeline = pf.Pipeline("arrays", params={"array": "any"}, steps=steps)
    random = np.random.default_rng(1).random(655_360)
    return pipeline.start({"array": random}, state=tmp_path / "lab.fs")


def test_each_step_waits_for_the_disk_once(tmp_path: Path) -> None:
    run = made(tmp_path)
    assert syncs(run.step) <= 1
    assert syncs(lambda: run.step(3)) <= 3
    expected = np.random.default_rng(1).random(655_360)
    for _ in range(4):
        expected = expected + 1.0
    run.state.close()
    assert np.array_equal(pf.open_run(run.id, state=tmp_path / "lab.fs")["array"], expected)


def test_going_to_another_position_does_not_wait_for_the_disk(tmp_path: Path) -> None:
    run = made(tmp_path)
    run.step(3)
    assert syncs(run.back) == 0
    assert run.position == 2


def test_a_power_cut_in_a_step_leaves_the_run_as_it_was_before_it(tmp_path: Path) -> None:
    """The disk has what was synced: the file as it was before the step, and the notes beside it."""
    path, after = tmp_path / "lab.fs", tmp_path / "after.fs"
    synced = b""

    def one() -> int:
        return 1

    def cut(one: int) -> int:
        after.write_bytes(synced)
        after.with_name("after.fs.ack").write_bytes(path.with_name("lab.fs.ack").read_bytes())
        return one + 1

    run = pf.Pipeline.from_functions("p", one, cut).start(state=path)
    run.step()
    synced = path.read_bytes()
    run.step()
    found = pf.open_run(run.id, state=after)
    assert (found.status, found.position, found["one"]) == ("paused", 1, 1)
