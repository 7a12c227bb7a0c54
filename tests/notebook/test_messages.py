"""What `%pforge` says: its help, its errors in one line each, and what to do next."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize("form", ["%pforge help", "%pforge --help", "%pforge"])
def test_help_lists_the_commands(cell, form):
    shown = cell(form)
    assert not shown.error
    assert "Commands:" in shown.out
    assert "goto" in shown.out


def test_a_command_explains_itself(cell):
    shown = cell("%pforge step --help")
    assert not shown.error
    assert shown.out.startswith("Usage: %pforge step")
    assert cell("%pforge help step").out == shown.out


def test_what_set_cannot_evaluate_is_one_line(lab):
    for code, message in (
        ("%pforge set total=nope", "cannot set total to nope: NameError: name 'nope' is not defined"),
        ("%pforge set total=1 +", "SyntaxError"),
        ("%pforge set 3=1", "expected NAME=EXPR"),
        ("%pforge set", "Missing argument"),
    ):
        error = lab(code).error
        assert len(error) == 1, error
        assert message in error[0]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("%pforge stpe", "no command 'stpe', did you mean 'step' or 'state'? See %pforge --help"),
        ("%pforge step --foo", "No such option '--foo'; see %pforge step --help"),
        ("%pforge step x", "'x' is no number of at least 1; see %pforge step --help"),
        ("%pforge record", "Choose from: on, off; see %pforge record --help"),
        ("%pforge memory --save", "requires an argument; see %pforge --help"),
        ("%pforge set load=nope", "cannot set load to nope: NameError: name 'nope' is not defined"),
        ("%pforge state serve lab.fs", "in a shell, pforge-lab state serve lab.fs"),
        ("%pforge goto nope", "PositionError: there is no step 'nope'"),
        ("%pforge goto total", "finish(until='total')"),
        ("%pforge show totl", "VariableNotFound: there is no variable 'totl'"),
        ("%pforge start nope", "no pipeline 'nope' is loaded; there are 'sums'"),
        ("%pforge start -p m=1", "no such param; there are 'n'"),
        ("%pforge load 'my file.yaml'", "'my file.yaml' does not exist"),
        ("%pforge start -p 'n=1", "No closing quotation; quote values with spaces"),
        ("%pforge attach zz", "RunNotFound: there is no run 'zz'"),
        ("%%pforge nonsense\nx", "a cell begins with '%%pforge pipeline NAME'"),
        ("%%pforge tool\nx = 1", "the cell defines no function"),
        ("%%pforge pipeline p\nsteps:\n  - { tool: load, outputvar: x }", "<cell>:2: steps.0.outputvar: unknown field 'outputvar', did you mean 'output_var'"),
    ],
)  # fmt: skip
def test_errors_are_one_line_and_the_cell_fails(lab, code, message):
    error = lab(code).error
    assert len(error) == 1, error
    assert message in error[0]


def test_nothing_to_drop_is_said(lab):
    """An empty table would leave open whether anything was looked for."""
    lab("%pforge finish")
    done = lab("%pforge advise")
    assert "there is nothing to drop" in done.out
    assert done.result.empty


def test_summaries_of_commands_are_told_in_full(cell):
    """A summary that is cut helps nobody; `help` takes a command of a command."""
    listed = cell("%pforge help").out
    assert "..." not in listed.replace("[ARGS]...", "")
    assert "Show the value under KEY" in cell("%pforge help state get").out
    assert "get has no commands of its own" in cell("%pforge help state get x").error[0]


def test_without_a_run_the_message_says_how_to_get_one(cell):
    for code in ("%pforge step", "%pforge vars", "%pforge status"):
        (error,) = cell(code).error
        assert "start one with %pforge start, or select one with %pforge attach" in error
    (error,) = cell("%pforge start").error
    assert "no pipeline is loaded; load one with %pforge load FILE" in error


def test_a_failing_step_is_one_line_and_can_be_mended_in_the_next_cell(shell, lab):
    lab("def total(numbers): raise ValueError('no\\ngood')")
    (error,) = lab("%pforge finish").error
    assert error.startswith("StepError: step 2 'total' failed: ValueError: no good (in total, ")
    assert error.endswith("mend it and step again")
    lab("def total(numbers): return 1")
    assert not lab("%pforge finish").error
    assert shell.user_ns["run"]["twice"] == 2


def test_a_broken_cell_of_tools_shows_python_s_own_error(shell, cell):
    shown = cell("%%pforge tool\ndef parse(:\n    pass")
    assert "SyntaxError" in shown.out
    assert "parse" not in shell.user_ns
    assert shown.out.count("SyntaxError") == 1


def test_an_error_in_a_cell_of_tools_is_shown_once_with_its_line(cell):
    shown = cell("%%pforge tool\ndef one(): return 1\nnope")
    assert shown.error
    assert shown.out.count("NameError: name 'nope'") == 1
    assert "----> 2 nope" in shown.out or "nope" in shown.out


def test_the_question_mark_shows_the_whole_grammar(shell):
    """``%pforge?`` lists every command with what it takes."""
    shown = shell.object_inspect_text("%pforge")
    for fact in (
        "goto STEP",
        "state delete KEYS...",
        "fork [--at STEP]",
        "%%pforge pipeline NAME",
        "-p NAME=VALUE",
    ):
        assert fact in shown


def test_an_error_names_the_command_that_helps(lab):
    lab("%pforge finish")
    assert "go back with %pforge back, or start" in lab("%pforge step").out
