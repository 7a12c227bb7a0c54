"""Runs as files: whole when they arrive, and harmless whoever wrote them."""

from __future__ import annotations

import stat
import sys
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

import pforge_lab as pf
from pforge_lab.runs import coding
from pforge_lab.runs.chunks import PREFIX as CHUNKS
from pforge_lab.runs.collection import collect_chunks
from tests.runs.two_lines import elsewhere, two_lines


@pytest.fixture
def run(place):
    """Return a finished run with two lines and an attempt that failed."""
    with two_lines(place) as run:
        yield run


@pytest.fixture
def file(run, tmp_path):
    return pf.export_run(run, tmp_path / "run.pfz")


# -- a round trip


def test_a_run_arrives_with_all_its_lines(run, file):
    copy = pf.import_run(file, elsewhere())
    assert (copy.id, copy.status, copy.position) == (run.id, run.status, run.position)
    assert copy.lines == run.lines
    for line in (1, 0):
        run.switch(line)
        copy.switch(line)
        assert copy.history == run.history
        for position in range(run.position + 1):
            ours, theirs = run.at(position).variables, copy.at(position).variables
            assert list(ours) == list(theirs)
            for name in ours:
                pd.testing.assert_series_equal(pd.Series([ours[name]]), pd.Series([theirs[name]]))
    assert copy.timeline.journal.attempt(1) == run.timeline.journal.attempt(1)


def test_an_imported_run_goes_on(file):
    copy = pf.import_run(file, elsewhere())
    with pytest.raises(pf.StepError, match="not yet"):  # the tool as it was when the run started
        copy.finish()
    assert copy.finish().variables["flaky"] == copy["total"]
    assert copy.status == "done"


def test_the_default_store_takes_it(file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delattr(sys.modules["__main__"], "__file__", raising=False)
    with pf.import_run(file).state as state:
        assert state.url.endswith(".fs")


def test_a_run_is_exported_by_its_id(run, tmp_path):
    file = pf.export_run(run.id, tmp_path / "named.pfz", state=run.state)
    assert pf.import_run(str(file), elsewhere()).id == run.id


def test_what_was_changed_by_hand_is_exported_too(run, tmp_path):
    run["extra"]["k"].append(3)
    copy = pf.import_run(pf.export_run(run, tmp_path / "run.pfz"), elsewhere())
    assert copy["extra"] == {"k": [1, 2, 3]}
    assert copy.history[-1].status == "edited"


def test_a_second_import_is_a_run_of_its_own(run, file):
    state = elsewhere()
    names = [pf.import_run(file, state).id for _ in range(3)]
    assert names == [run.id, f"{run.id}-2", f"{run.id}-3"]
    assert pf.import_run(file, state, id="mine").id == "mine"
    with pytest.raises(pf.UsageError, match="there is a run 'mine' in .* already; give another id, or none"):
        pf.import_run(file, state, id="mine")


def test_chunks_that_are_there_are_not_written_again(run, file):
    before = set(run.state.keys(CHUNKS))
    copy = pf.import_run(file, run.state)
    assert set(run.state.keys(CHUNKS)) == before
    pf.delete_run(run.id, state=run.state)
    assert copy.at("flaky" if copy.position > 3 else copy.position)
    copy.switch(0)
    assert copy.at("total")["total"] == copy["flaky"]


def test_what_this_store_keeps_as_a_difference_outlives_what_it_differs_from(tmp_path):
    """The same content may be whole in one store and a difference in the other."""
    state, other = elsewhere(), elsewhere()
    changed = np.random.default_rng(1).random(60_000)
    changed[5] = 0
    whole = pf.Pipeline("p", params={"x": "any"}).start({"x": changed}, state=state)
    file = pf.export_run(whole, tmp_path / "whole.pfz")
    base = pf.Pipeline("p", params={"x": "any"}).start(
        {"x": np.random.default_rng(1).random(60_000)}, state=other
    )
    base.set(x=changed.copy())
    kept = [other.get(key) for key in other.keys(CHUNKS)]
    assert any(coding.base_of(coded) for coded in kept)
    copy = pf.import_run(file, other)
    pf.delete_run(base.id, state=other)
    assert np.array_equal(copy.at(0)["x"], changed)


def test_a_collection_beside_an_import_is_made_up_for(file, monkeypatch):
    from pforge_lab.runs.journal import Journal

    restore, collected = Journal.restore, []

    def collecting(self, head, parts):
        if not collected:
            collected.append(collect_chunks(self.state).removed)
        restore(self, head, parts)

    monkeypatch.setattr(Journal, "restore", collecting)
    copy = pf.import_run(file, elsewhere())
    assert collected[0] > 0
    assert copy.at(1)["frame"].shape == (60_000, 2)


def test_only_the_user_can_read_the_file(file):
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_equal_runs_give_equal_files(run, file, tmp_path):
    assert pf.export_run(run, tmp_path / "again.pfz").read_bytes() == file.read_bytes()


def test_a_file_that_cannot_be_written_is_told(run, tmp_path):
    with pytest.raises(pf.UsageError, match="give a file in a folder that exists"):
        pf.export_run(run, tmp_path / "nowhere" / "run.pfz")


def test_an_export_that_fails_leaves_the_old_file(run, file):
    before = file.read_bytes()
    name = next(iter(run.timeline.manifest(1).chunk_ids()))
    run.state.delete(CHUNKS + name)
    with pytest.raises(pf.StateCorrupt, match=f"chunk {name} is missing"):
        pf.export_run(run, file)
    assert file.read_bytes() == before
    assert [path.name for path in file.parent.glob("*run.pfz*")] == ["run.pfz"]


# -- another user's file


@dataclass
class Point:
    """A class beyond the safe list."""

    x: int


def test_another_users_run_opens_as_far_as_it_cannot_run_code(place, tmp_path, monkeypatch):
    with pf.open_state(place) as state:
        run = pf.Pipeline("p", params={"x": "any", "p": "any"}).start(
            {"x": [1, 2], "p": Point(3)}, state=state
        )
        file = pf.export_run(run, tmp_path / "run.pfz")
    assert pf.import_run(file, elsewhere())["p"] == Point(3)
    monkeypatch.setenv("PFORGE_KEY", str(tmp_path / "another"))
    copy = pf.import_run(file, elsewhere())
    assert copy.at(0)["x"] == [1, 2]
    with pytest.raises(pf.UntrustedData, match="Point"):
        copy.at(0)["p"]


class Evil:
    """Runs code when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_importing_another_users_run_executes_nothing(place, tmp_path, monkeypatch):
    with pf.open_state(place) as state:

        def tool(x):
            return x

        run = pf.Pipeline.from_functions("p", tool).start({"x": [Evil(tmp_path / "was-here")]}, state=state)
        file = pf.export_run(run, tmp_path / "run.pfz")
    monkeypatch.setenv("PFORGE_KEY", str(tmp_path / "another"))
    copy = pf.import_run(file, elsewhere())
    assert "Evil" in repr(copy)
    with pytest.raises(pf.UntrustedData):
        copy.at(0)["x"]
    with pytest.raises(pf.UntrustedData):
        copy.finish()
    assert not (tmp_path / "was-here").exists()


def test_paths_of_the_one_who_exported_are_not_used(file):
    facts = pf.import_run(file, elsewhere()).timeline.journal.definition()
    from pathlib import Path

    assert (facts["base_dir"], facts["source"]) == (str(Path.cwd()), None)
