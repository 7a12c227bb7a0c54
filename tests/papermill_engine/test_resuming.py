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


SET_UP = """from __future__ import annotations
import xml.etree.ElementTree
%load_ext settings
%config InlineBackend.figure_format = 'svg'
"""


def test_a_fresh_kernel_has_the_flags_the_modules_within_packages_and_the_settings_that_cells_had(
    folder, pforge
):
    (folder / "settings.py").write_text(
        "def load_ipython_extension(shell): shell.register_magic_function(lambda line: line.upper(), magic_name='up')"
    )
    write(folder / "in.ipynb", [SET_UP, "1 / 0"])
    fails(pforge)
    uses = "def f(x: missing): pass\nprint(f.__annotations__, xml.etree.ElementTree.Element('a').tag, get_ipython().run_line_magic('up', 'x'))"
    write(folder / "in.ipynb", [SET_UP, uses])
    assert pforge(pforge_resume="1").cells[1].outputs[0].text == "{'x': 'missing'} a X\n"


def test_what_cannot_be_set_up_again_stops_the_job_before_anything_runs(folder, pforge):
    (folder / "settings.py").write_text("def load_ipython_extension(shell): pass")
    write(folder / "in.ipynb", ["x = 1", "%load_ext settings", "1 / 0"])
    fails(pforge)
    (folder / "settings.py").unlink()
    write(folder / "in.ipynb", ["x = 1", "%load_ext settings", "open('ran', 'w')"])
    with pytest.raises(
        pf.PforgeError, match="what cell 2 had set up cannot be set up again: ModuleNotFoundError"
    ):
        pforge(pforge_resume="1")
    assert not (folder / "ran").exists()


@pytest.mark.parametrize("uses", ["Out[2]", "_2 + 1", "_", "len(Out)", "[Out[n] for n in (2,)]"])
def test_an_output_that_was_not_kept_is_told_before_anything_runs(folder, pforge, uses):
    write(folder / "in.ipynb", ["x = 1", "x + 1", "1 / 0"])
    fails(pforge)
    write(folder / "in.ipynb", ["x = 1", "x + 1", uses])
    with pytest.raises(pf.NotKept, match="give the value a name"):
        pforge(pforge_resume="1")


def test_outputs_of_the_cells_that_are_left_are_theirs(folder, pforge):
    write(folder / "in.ipynb", ["x = 1", "1 / 0"])
    fails(pforge)
    write(folder / "in.ipynb", ["x = 1", "x + 1", "print(Out[2], _2, _)\nfor _ in 'ab': pass"])
    assert pforge(pforge_resume="1").cells[2].outputs[0].text == "2 2 2\n"


def test_the_first_cell_after_it_is_not_said_to_have_removed_what_was_not_kept(folder, pforge, run_of):
    write(folder / "in.ipynb", ["numbers = (n for n in 'ab')\nx = 1", "1 / 0"])
    fails(pforge)
    write(folder / "in.ipynb", ["numbers = (n for n in 'ab')\nx = 1", "y = x"])
    pforge(pforge_resume="1")
    assert run_of().history[-1].changed == ("y",)


def test_a_parameter_that_is_never_kept_is_in_no_record_and_its_change_is_noticed(folder, pforge, run_of):
    write(folder / "in.ipynb", ["token = ''", "print(len(token))", "1 / 0"], tags={1: ["parameters"]})
    options = {"pforge_exclude": "*token*", "pforge_keep": "all"}
    fails(pforge, parameters={"token": "s3cret"}, **options)
    assert b"s3cret" not in (folder / "out.ipynb.pforge" / "run.fs").read_bytes()
    write(folder / "in.ipynb", ["token = ''", "print(len(token))", "3"], tags={1: ["parameters"]})
    done = pforge(parameters={"token": "another"}, pforge_resume="1")
    assert done.metadata.pforge.executed_again["2"] == "a parameter has changed"
    assert run_of().history[1].source.startswith('# Parameters\ntoken = "(excluded: ')


def test_what_is_excluded_later_is_not_kept_from_there_on(folder, pforge, run_of):
    write(folder / "in.ipynb", ["key = 's3cret'", "1 / 0"])
    fails(pforge)
    write(folder / "in.ipynb", ["key = 's3cret'", "n = len(key)"])
    pforge(pforge_resume="1", pforge_exclude="key", pforge_keep="all")
    assert run_of().history[-1].not_kept == {"key": "excluded by 'key'"}
