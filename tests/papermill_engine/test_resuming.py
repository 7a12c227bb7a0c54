"""A notebook that was mended goes on: what its report says, and what stops it before anything runs."""

from __future__ import annotations

import papermill
import pytest

import pforge_lab as pf
from tests.papermill_engine.conftest import read, report, shown, write

pytestmark = [pytest.mark.kernel, pytest.mark.filterwarnings("default")]

MARK = "print({0}, file=open('marks', 'a'))\n"


def cells(*sources):
    """Return cells that each leave a mark."""
    return [MARK.format(place) + source for place, source in enumerate(sources, 1)]


def fails(pforge, **options):
    with pytest.raises(papermill.PapermillExecutionError):
        pforge(**options)


def test_a_changed_cell_and_those_after_it_are_executed_again_and_the_report_says_why(folder, pforge):
    write(folder / "in.ipynb", cells("x = 1", "y = x + 1", "z = y + 1", "1 / 0"))
    fails(pforge, pforge_keep="all")
    (folder / "marks").unlink()
    write(folder / "in.ipynb", cells("x = 1", "y = x + 10", "z = y + 1", "print(z)"))
    done = pforge(pforge_resume="1")
    assert (folder / "marks").read_text().split() == ["2", "3", "4"]
    assert done.cells[3].outputs[0].text == "12\n"
    assert done.metadata.pforge.executed_again == {"2": "its code has changed", "3": "it comes after cell 2"}
    assert "cell 2 was executed again: its code has changed" in report(done)


def test_variables_that_cannot_be_restored_stop_the_job_before_anything_runs(folder, pforge, monkeypatch):
    """As when the run was written under another key: opening it does not execute its code."""
    write(folder / "in.ipynb", ["class Box: pass\nbox = Box()", "1 / 0"])
    fails(pforge)
    monkeypatch.setenv("PFORGE_KEY", str(folder / "other"))
    write(folder / "in.ipynb", ["class Box: pass\nbox = Box()", "open('ran', 'w')"])
    with pytest.raises(pf.PforgeError, match="nothing was executed: UntrustedData"):
        pforge(pforge_resume="1")
    assert not (folder / "ran").exists()


def test_a_cell_that_executes_a_cell_is_one_step_and_one_that_is_skipped_is_none(folder, pforge, run_of):
    """A cell that may raise is a step that failed; papermill itself says so at the end."""
    sources = ["%%capture out\nprint('hidden')", "1 / 0", "print(out.stdout)", "raise ValueError", "out = 3"]
    tags = {2: ["skip-execution"], 4: ["raises-exception"]}
    write(folder / "in.ipynb", sources, tags=tags)
    with pytest.raises(papermill.PapermillExecutionError):
        papermill.execute_notebook("in.ipynb", "plain.ipynb", progress_bar=False)
    fails(pforge)
    assert shown(read("out.ipynb")) == shown(read("plain.ipynb"))
    assert [record.source for record in run_of().history] == [sources[0], *sources[2:]]
    assert [record.status for record in run_of().history] == ["done", "done", "failed", "done"]


def test_a_function_with_a_cache_and_a_new_type_are_there_again(folder, pforge, run_of):
    made = "import functools, typing\n@functools.cache\ndef half(x): return x / 2\nUserId = typing.NewType('UserId', int)"
    write(folder / "in.ipynb", [made, "1 / 0"])
    fails(pforge)
    write(folder / "in.ipynb", [made, "print(half(UserId(6)), UserId)"])
    assert pforge(pforge_resume="1").cells[1].outputs[0].text == "3.0 __main__.UserId\n"
    assert not run_of().history[0].not_kept
