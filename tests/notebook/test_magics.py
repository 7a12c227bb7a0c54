"""`%pforge` and `%%pforge` in a shell of IPython: the command line inside a cell."""

from __future__ import annotations

import pandas as pd

from pforge_lab.runs.records import StepRecord
from pforge_lab.runs.run import Run
from pforge_lab.runs.variables import Variables


def test_loading_twice_keeps_what_is_remembered(shell, lab):
    lab("%load_ext pforge_lab")
    shell.run_line_magic("reload_ext", "pforge_lab")
    lab("%load_ext pforge_lab")
    assert "pforge" in shell.magics_manager.magics["line"]
    assert "pforge" in shell.magics_manager.magics["cell"]


def test_load_ext_again_keeps_the_current_run(shell, lab):
    import pforge_lab as pf

    pf.load_ipython_extension(shell)
    assert lab("%pforge status").result is shell.user_ns["run"]


def test_unloading_takes_the_magics_away(shell, cell):
    shell.run_line_magic("unload_ext", "pforge_lab")
    assert "pforge" not in shell.magics_manager.magics["line"]
    assert "pforge" not in shell.magics_manager.magics["cell"]
    assert "not found" in cell("%pforge status").out
    shell.run_line_magic("load_ext", "pforge_lab")
    assert "pforge" in shell.magics_manager.magics["line"]


def test_nothing_is_written_to_the_namespace_unasked(shell, cell, function_cell, pipeline_cell):
    cell(function_cell)
    before = {name for name in shell.user_ns if not name.startswith("_")}
    for code in (
        pipeline_cell,
        "%pforge start",
        "%pforge finish",
        "%pforge vars",
        "%pforge back",
        "%pforge runs",
    ):
        assert not cell(code).error
    assert {name for name in shell.user_ns if not name.startswith("_")} - before <= {"exit", "quit"}


def test_commands_return_their_objects(shell, lab):
    assert isinstance(shell.user_ns["run"], Run)
    lab("record = %pforge step")
    assert isinstance(shell.user_ns["record"], StepRecord)
    assert isinstance(lab("%pforge vars").result, Variables)
    assert lab("%pforge show numbers").result == [0, 1, 2, 3]
    assert isinstance(lab("%pforge diff").result, pd.DataFrame)
    assert isinstance(lab("%pforge runs").result, pd.DataFrame)


def test_the_run_is_remembered_from_cell_to_cell(shell, lab):
    lab("%pforge step 2")
    run = shell.user_ns["run"]
    assert run.position == 2
    for code, position in (
        ("%pforge back", 1),
        ("%pforge goto 0", 0),
        ("%pforge finish --until total", 2),
        ("%pforge finish", 3),
        ("%pforge goto load", 1),
        ("%pforge resume", 3),
    ):
        assert not lab(code).error
        assert run.position == position


def test_a_trailing_semicolon_silences(lab):
    assert lab("%pforge status").out
    assert lab("%pforge status;").out == ""
    assert lab("%pforge show n").result == 4


def test_status_and_memory_show_themselves(lab):
    lab("%pforge finish")
    assert "3 of 3 steps" in lab("%pforge status").out
    assert not lab("axes = %pforge memory").error
    assert lab("axes.get_ylabel() + axes.get_title()").result


def test_the_data_flow_of_the_current_run_is_a_frame(lab):
    flow = lab("%pforge dataflow").result
    assert list(flow.label) == ["params", "load", "total", "twice"]
    assert lab("%pforge dataflow sums").result.equals(flow)


def test_set_sees_the_notebook_and_the_run(shell, lab):
    lab("%pforge step 2")
    lab("factor = 10")
    assert not lab("%pforge set total=factor * total + len(numbers)").error
    assert shell.user_ns["run"]["total"] == 64
    lab("%pforge set numbers=[i for i in range(3) if i != 1]")
    assert shell.user_ns["run"]["numbers"] == [0, 2]
    lab("%pforge set frame=__import__('pandas').DataFrame({'a': [1, 2]})[lambda d: d.a > 1]")
    assert shell.user_ns["run"]["frame"].a.tolist() == [2]


def test_set_sees_names_inside_a_comprehension(shell, lab):
    lab("factor = 10")
    assert not lab("%pforge set numbers=[factor * i + n for i in range(2)]").error
    assert shell.user_ns["run"]["numbers"] == [4, 14]


def test_params_take_variables_of_the_notebook(shell, lab):
    lab("many = 6")
    lab("%pforge start -p n=$many")
    lab("%pforge step")
    assert lab("%pforge show numbers").result == [0, 1, 2, 3, 4, 5]
    error = lab("%pforge start -p n=$nope").error
    assert len(error) == 1
    assert "the notebook has no variable 'nope'" in error[0]


def test_braces_and_dollars_are_left_alone(shell, lab):
    lab("key = 'x'")
    lab("%pforge set numbers={'key': 1, '$HOME': 2}")
    assert shell.user_ns["run"]["numbers"] == {"key": 1, "$HOME": 2}


def test_pull_puts_variables_into_the_notebook(shell, lab):
    lab("%pforge finish")
    assert "numbers" not in shell.user_ns
    shown = lab("%pforge pull numbers")
    assert shown.out.strip() == "pulled numbers"
    assert shell.user_ns["numbers"] is shell.user_ns["run"]["numbers"]
    lab("%pforge pull")
    assert shell.user_ns["n"] == 4
    error = lab("%pforge pull nmbers").error
    assert "did you mean 'numbers'" in error[0]


def test_a_pulled_object_that_is_changed_becomes_an_edit(shell, lab):
    lab("%pforge step")
    lab("%pforge pull numbers")
    lab("numbers.append(100)")
    lab("%pforge step")
    run = shell.user_ns["run"]
    assert [record.status for record in run.history] == ["done", "edited", "done"]
    assert run["total"] == 106


def test_a_redefined_function_takes_effect_and_is_told(shell, lab):
    lab("%pforge finish")
    lab("def twice(total): return 200 * total")
    assert "Code changed since it ran: twice" in lab("%pforge status").out
    lab("%pforge back")
    lab("%pforge step")
    assert shell.user_ns["run"]["twice"] == 1200
    assert "Code changed" not in lab("%pforge status").out


def test_a_cell_of_functions_makes_tools(shell, cell):
    assert not cell("%%pforge tool\ndef fetch(n=2): return n\n\ndef treble(fetch): return 2 * fetch").error
    cell(
        "%%pforge pipeline p\nsteps:\n"
        "  - { tool: fetch, input: { n: 21 }, output_var: fetch }\n"
        '  - { tool: treble, input: { fetch: "{{ fetch }}" }, output_var: treble }\n'
    )
    cell("%pforge start")
    cell("%pforge finish")
    assert cell("%pforge show treble").result == 42
    assert callable(shell.user_ns["treble"])
    cell("%%pforge tool\ndef treble(fetch): return -fetch")
    cell("%pforge back")
    cell("%pforge step")
    assert cell("%pforge show treble").result == -21


def test_a_cell_of_tools_may_hold_what_a_cell_may(shell, cell):
    """Magics and shell commands are Python to IPython only."""
    assert not cell("%%pforge tool\n%precision 3\ndef count(): return 1").error
    assert "count" in shell.user_ns


def test_a_pipeline_that_a_variable_holds_is_started(shell, cell, function_cell):
    """As functions of the notebook are tools, its pipelines are pipelines."""
    cell(f"{function_cell.removeprefix('%%pforge tool')}\nimport pforge_lab as pf")
    cell("def three(): return 3\ndaily = pf.Pipeline.from_functions('thrice', three)")
    assert cell("%pforge start daily").result.pipeline is shell.user_ns["daily"]
    assert "did you mean 'daily'?" in cell("%pforge start dayly").error[0]


def test_defaults_are_listed_and_set_with_config(cell, function_cell, pipeline_cell):
    """``%config PForge`` knows the store, memory, trust, theme and progress."""
    listed = cell("%config PForge").out
    for name in ("state", "memory", "trust", "theme", "progress"):
        assert f"PForge.{name}" in listed
    cell("%config PForge.state = 'memory:configured'")
    cell("%config PForge.memory = ['settle']")
    cell(function_cell)
    cell(pipeline_cell)
    run = cell("%pforge start").result
    assert run.state.url == "memory:configured"
    assert run.step().memory.settled


def test_a_wrong_default_is_refused_in_one_line_and_changes_nothing(cell, caplog):
    """IPython logs what is wrong; the store that cannot be opened never becomes the current one."""
    cell("%config PForge.state = 'mongo://x'")
    cell("%config PForge.memory = ['setle']")
    told = [record.getMessage() for record in caplog.records]
    assert "'mongo://x' is no kind of store known here" in told[0]
    assert "no look at memory 'setle', did you mean 'settle'" in told[1]
    assert cell("get_ipython().magics_manager.registry['PforgeMagics'].session.state").result is None


def test_the_theme_is_that_of_every_view_from_then_on(cell, function_cell, pipeline_cell):
    """Colours are fixed, whatever the page's are; ``auto`` follows the page again."""
    cell(function_cell)
    cell(pipeline_cell)
    run = cell("%pforge start").result
    try:
        cell("%config PForge.theme = 'dark'")
        assert "color-scheme: dark" in run._repr_html_()
    finally:
        cell("%config PForge.theme = 'auto'")
    assert "; color-scheme:" not in run._repr_html_()


def test_a_word_may_be_a_variable_of_the_notebook(shell, lab, tmp_path):
    """A run stands for its id, everything else for its text; a name that is none is told with what is near."""
    lab(f"mine, target = run, {str(tmp_path / 'of this run.pfz')!r}")
    assert lab("%pforge attach $mine").result.id == shell.user_ns["run"].id
    lab("%pforge export $mine $target")
    assert (tmp_path / "of this run.pfz").exists()
    (line,) = lab("%pforge attach $mien").error
    assert "the notebook has no variable 'mien', did you mean 'mine'?" in line
