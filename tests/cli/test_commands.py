"""Every command of `pforge-lab`: what it prints, and what it returns."""

from __future__ import annotations

import json

import pytest

import pforge_lab as pf
from pforge_lab.cli.main import cli, invoke
from pforge_lab.cli.session import Session
from pforge_lab.runs.run import Run

ISSUE = "open load start step back goto finish vars show pull diff memory runs attach resume status help"


def test_the_commands_of_the_contract_are_there():
    assert set(ISSUE.split()) | {"run", "set", "fork", "demo"} <= set(cli.commands)


@pytest.mark.parametrize("name", sorted(cli.commands))
def test_every_command_explains_itself(pforge, name):
    said = pforge(name, "--help")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith(f"Usage: pforge-lab {name}")
    assert cli.commands[name].help
    assert pforge("help", name).out.strip() == said.out.strip()


def test_help_lists_all_commands_and_the_exit_codes(pforge):
    for said in (pforge("--help"), pforge("help")):
        assert said.code == 0
        assert all(name in said.out for name in cli.commands)
        assert "Exit codes: 0 done; 1 a step failed; 2 wrong use" in said.out
    assert "Commands:" in pforge().out


def test_version(pforge):
    assert pforge("--version").out == f"pforge-lab, version {pf.__version__}\n"


def test_run_shows_each_record_as_it_comes_and_the_run(pforge):
    said = pforge("run", "sums.yaml", "-p", "n=4")
    assert (said.code, said.err) == (0, "")
    lines = said.out.splitlines()
    assert lines[0].split()[:3] == ["✓", "1", "load"]
    assert "adding" in lines
    assert "✓ done · 3 of 3 steps" in said.out
    assert "Params n = 4" in said.out


def test_the_store_is_beside_and_named_for_the_file(ran, folder):
    assert (folder / ".pforge" / "sums.fs").is_file()


def test_start_executes_nothing_and_step_goes_on(pforge):
    said = pforge("start", "sums.yaml", "-p", "n=5")
    assert "○ ready · 0 of 3 steps" in said.out
    assert "load ✓ done" in pforge("step").out
    assert "total ✓ done" in pforge("step").out
    assert pforge("show", "total").out.split() == ["int", "10"]


def test_step_takes_a_number(pforge):
    pforge("start", "sums.yaml")
    assert "total ✓ done" in pforge("step", "2").out


def test_back_goto_and_finish_move_the_newest_run(ran):
    assert "position 2, total" in ran("back").out
    assert "position 0" in ran("back", "2").out
    assert "position 1, load" in ran("goto", "load").out
    assert "position 3, check" in ran("goto", "3").out
    ran("goto", "0")
    assert "position 3, total" not in ran("finish", "--until", "total").out
    assert "✓ done" in ran("finish").out


def test_vars_and_show_take_a_place(ran):
    assert ran("vars").out.splitlines()[0] == "Variables at position 3"
    said = ran("vars", "--at", "load").out
    assert "load" in said
    assert "total" not in said.split("\n", 1)[1]
    assert ran("show", "load", "--at", "1").out.splitlines()[0].startswith("list")


def test_diff_names_what_changed(ran):
    assert "check" in ran("diff").out
    said = ran("diff", "0", "total").out
    assert "load" in said
    assert "added" in said


def test_memory_shows_a_row_per_step_and_saves_a_plot(ran, folder):
    assert [name for name in ("load", "total", "check") if name in ran("memory").out] == [
        "load",
        "total",
        "check",
    ]
    assert "wrote plot.svg" in ran("memory", "--save", "plot.svg").out
    assert (folder / "plot.svg").read_text(encoding="utf-8").startswith("<?xml")


@pytest.mark.parametrize("name", ["missing/plot.png", "plot.xyz"])
def test_a_plot_that_cannot_be_written_is_one_line(ran, name):
    said = ran("memory", "--save", name)
    assert said.code == 2
    assert said.err.startswith(f"pforge-lab: cannot write the plot to {name}: ")
    assert said.err.count("\n") == 1


def test_runs_lists_newest_first_and_as_json(ran):
    ran("start", "sums.yaml")
    assert ran("runs").out.index("ready") < ran("runs").out.index("done")
    rows = json.loads(ran("runs", "--json").out)
    assert [row["status"] for row in rows] == ["ready", "done"]
    assert rows[1]["params"] == {"n": "4", "limit": "100"}


def test_runs_can_be_chosen_by_status_and_age(ran):
    ran("run", "sums.yaml", "-p", "limit=1")
    assert [row["status"] for row in json.loads(ran("runs", "--failed", "--json").out)] == ["failed"]
    assert len(json.loads(ran("runs", "--since", "1h", "--json").out)) == 2
    assert json.loads(ran("runs", "--since", "0s", "--json").out) == []


def test_attach_executes_nothing_and_resume_finishes(pforge):
    pforge("start", "sums.yaml")
    assert "0 of 3 steps" in pforge("attach").out
    assert "✓ done · 3 of 3" in pforge("resume").out


def test_run_chooses_a_run_by_the_beginning_of_its_id(ran):
    (row,) = json.loads(ran("runs", "--json").out)
    ran("start", "sums.yaml")
    assert "✓ done" in ran("--run", row["id"], "status").out
    assert "○ ready" in ran("status").out
    assert "✓ done" in ran("attach", row["id"]).out


def test_set_takes_json_and_bare_words(ran):
    assert "edited" in ran("set", 'load=[1, {"a": null}]').out
    assert ran("show", "load").out.splitlines()[0] == "list 2 items"
    ran("set", "load=word")
    assert "word" in ran("show", "load").out
    assert ran("set", "a", "=", "5").code == 0


def test_fork_makes_a_new_run_with_other_values(ran):
    said = ran("fork", "--at", "load", "-p", "load=[100]")
    assert "edited" in said.out
    assert ran("finish").code == 0
    assert ran("show", "total").out.split()[-1] == "100"
    assert len(json.loads(ran("runs", "--json").out)) == 2


def test_state_is_another_store(pforge, folder):
    assert pforge("--state", "other.fs", "run", "sums.yaml").code == 0
    assert (folder / "other.fs").exists()
    assert not (folder / ".pforge").exists()
    assert json.loads(pforge("--state", "other.fs", "runs", "--json").out)[0]["status"] == "done"


def test_load_shows_what_it_loaded(pforge):
    assert "load -> total -> check" in pforge("load", "sums.yaml").out


def test_dataflow_takes_a_file(pforge):
    """One that was never loaded, as `start` does."""
    assert "total" in pforge("dataflow", "sums.yaml").out
    assert "there is no file 'nope.yaml'" in pforge("dataflow", "nope.yaml").err


def test_commands_return_their_objects(folder):
    session = Session()
    run = invoke(["--state", "memory:cli-objects", "run", "sums.yaml", "-p", "n=4"], session, "pforge-lab")
    assert isinstance(run, Run)
    assert invoke(["show", "total"], session, "pforge-lab") == 6
    assert invoke(["vars"], session, "pforge-lab")["total"] == 6
    assert invoke(["goto", "1"], session, "pforge-lab") is run
    assert invoke(["step"], session, "pforge-lab").label == "total"
    assert list(invoke(["diff"], session, "pforge-lab").variable) == ["total"]


def test_json_of_no_runs_is_an_empty_list(pforge):
    assert json.loads(pforge("runs", "--json").out) == []


def test_params_are_read_by_their_type(pforge, folder):
    (folder / "types.yaml").write_text(
        """
name: types
params:
  text: { type: string }
  count: { type: integer }
  ratio: { type: number }
  flag: { type: boolean }
  items: { type: array }
  facts: { type: object }
steps: []
""",
        encoding="utf-8",
    )
    session = Session()
    line = ["--state", "memory:cli-types", "start", "types.yaml"]
    for param in ("text=a=b", "count=2", "ratio=2.5", "flag=true", "items=[1, 2]", 'facts={"a": 1}'):
        line += ["-p", param]
    run = invoke(line, session, "pforge-lab")
    assert run.params == {
        "text": "a=b",
        "count": 2,
        "ratio": 2.5,
        "flag": True,
        "items": [1, 2],
        "facts": {"a": 1},
    }


def test_a_process_of_its_own_does_the_same(shell, folder):
    said = shell("run", "sums.yaml", "-p", "n=4")
    assert said.code == 0
    assert "✓ done · 3 of 3 steps" in said.out
    assert (folder / ".pforge" / "sums.fs").is_file()
    said = shell("stpe")
    assert (said.code, said.out) == (2, "")
    assert (
        said.err == "pforge-lab: no command 'stpe', did you mean 'step' or 'state'? See pforge-lab --help\n"
    )


def test_a_terminal_that_knows_no_unicode_gets_ascii(shell, folder, monkeypatch):
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    monkeypatch.setenv("PYTHONUTF8", "0")
    said = shell("run", "sums.yaml")
    assert said.code == 0
    assert said.out.isascii()
    assert "done" in said.out
