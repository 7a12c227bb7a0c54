"""What code changes around it is told, signed, and made again elsewhere."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime

import pytest

import pforge_lab as pf
from pforge_lab.runs.cells import Cell, start_cells
from pforge_lab.runs.endorsing import endorse
from pforge_lab.runs.exclusion import Exclusion
from pforge_lab.runs.namespace import NamespaceRecorder
from pforge_lab.runs.records import StepRecord
from pforge_lab.runs.surroundings import Changes, Surroundings, changes_at, signed_anew

NONE = Exclusion()


@pytest.fixture
def process(monkeypatch, tmp_path):
    """Give this process surroundings of its own for the test."""
    monkeypatch.setattr(sys, "path", ["", "/usr/lib", "/site"])
    monkeypatch.chdir(tmp_path)
    return monkeypatch


@pytest.mark.parametrize(
    ("path", "there", "wanted"),
    [
        (["/lib", "", "/usr/lib", "/site"], ["", "/usr/lib", "/site"], ["/lib", "", "/usr/lib", "/site"]),
        (["", "/lib", "/usr/lib", "/site", "/z"], ["", "/usr/lib"], ["", "/lib", "/usr/lib", "/z"]),
        (["/site", "", "/usr/lib"], ["", "/usr/lib", "/site"], ["/site", "", "/usr/lib"]),
        (["", "/site"], ["", "/usr/lib", "/site"], ["", "/site"]),
        (["/a", "/b", "", "/usr/lib", "/site"], ["/other"], ["/a", "/b", "/other"]),
    ],
    ids=["in front", "in between and at the end", "moved", "removed", "in another installation"],
)
def test_the_path_of_another_process_is_changed_as_this_one_was(process, path, there, wanted):
    before = Surroundings.here()
    sys.path[:] = path
    assert before.changes(NONE).on_path(there) == wanted


def test_nothing_is_kept_of_surroundings_that_nobody_has_changed(process):
    assert Surroundings.here().changes(NONE).to_json() == {}


def test_changes_are_read_as_they_were_written(process, tmp_path):
    before = Surroundings.here()
    sys.path.append("lib")
    (tmp_path / "sub").mkdir()
    os.chdir("sub")
    process.setenv("COLOUR", "green")
    changes = before.changes(NONE)
    assert Changes.from_json(changes.to_json()) == changes
    assert (changes.folder, changes.environment) == (str(tmp_path / "sub"), {"COLOUR": "green"})
    assert changes.folders() == [str(tmp_path / "sub" / "lib")]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DB_PASSWORD", "x"),
        ("GITHUB_TOKEN", "x"),
        ("PROXY", "http://me:pw@host"),
        ("CERT", "-----BEGIN RSA"),
        ("BUCKET", "https://host/file?sig=abc&x=1"),
        ("COLOUR", "x"),
    ],
)
def test_values_that_may_be_secret_and_those_excluded_are_told_by_name_only(process, name, value):
    before = Surroundings.here()
    process.setenv(name, value)
    changes = before.changes(Exclusion.of(["COL*"]))
    assert (changes.environment, changes.withheld) == ({}, (name,))


def test_changes_of_somebody_else_are_not_made_until_they_are_trusted(process, monkeypatch, tmp_path):
    before = Surroundings.here()
    sys.path.insert(0, "/theirs")
    written = before.changes(NONE).to_json()
    monkeypatch.setenv("PFORGE_KEY", str(tmp_path / "mine"))
    assert Changes.from_json(written) is None
    assert Changes.from_json(signed_anew(written)) is not None


def test_a_folder_that_is_gone_is_told(process):
    with pytest.raises(pf.RunError, match="make it again"):
        Changes(folder="/no/such/folder").apply()


def test_trusting_somebody_elses_run_signs_where_its_cells_found_modules(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "path", [*sys.path])
    first = sys.path[0]
    with pf.open_state(tmp_path / "theirs.fs") as state:
        run = start_cells("night", [Cell("a"), Cell("b")], state=state, notebook={})
        recorder = NamespaceRecorder(run, {"x": 1})
        recorder.begin()
        recorder.keep(StepRecord(0, 1, "cell 1", "cell", "done", datetime.now(UTC), 0.0))
        sys.path.insert(0, "/theirs")
        recorder.keep(StepRecord(0, 2, "cell 2", "cell", "done", datetime.now(UTC), 0.0))
        monkeypatch.setenv("PFORGE_KEY", str(tmp_path / "mine"))
        assert changes_at(run.timeline, 2) is None
        mine = endorse(run).run
        assert changes_at(mine.timeline, 2).placed == (("/theirs", first),)
        assert mine.at(2).variables["x"] == 1
