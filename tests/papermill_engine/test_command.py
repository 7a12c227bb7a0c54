"""``pforge-lab notebook``: what it prints, and how it ends."""

from __future__ import annotations

import json
import shlex

import pytest
from papermill.cli import _resolve_type

from pforge_lab.papermill_engine.parameters import as_papermill_reads
from tests.papermill_engine.conftest import read, write

pytestmark = [pytest.mark.kernel, pytest.mark.filterwarnings("default")]


def test_the_last_line_attaches_to_the_run(folder, command):
    write(folder / "in.ipynb", ["month = 1", "print(month)"], tags={1: ["parameters"]})
    done = command("notebook", "in.ipynb", "out.ipynb", "-p", "month=2")
    assert done.returncode == 0, done.stderr
    program, *attach = shlex.split(done.stdout.splitlines()[-1])
    shown = command(*attach)
    assert program == "pforge-lab"
    assert "done" in shown.stdout
    assert read("out.ipynb").cells[2].outputs[0].text == "2\n"


def test_a_failed_cell_is_told_in_a_line_and_the_command_again_goes_on(folder, command):
    cells = ["n = 1", "print('once', file=open('marks', 'a')); x = n"]
    write(folder / "in.ipynb", [*cells, "1 / 0"], tags={1: ["parameters"]})
    broken = command("notebook", "in.ipynb", "o u t.ipynb", "-p", "n=4", "--store", "night job.fs")
    assert broken.returncode == 1
    line = broken.stderr.splitlines()[-1]
    assert line.startswith("pforge-lab: a cell failed: ZeroDivisionError: division by zero; mend it, then: ")
    assert broken.stdout.splitlines()[-1].startswith("pforge-lab --state ")
    write(folder / "in.ipynb", [*cells, "print(x)"], tags={1: ["parameters"]})
    again = shlex.split(line.partition("then: ")[2])
    done = command(*again[1:])
    assert done.returncode == 0, done.stderr
    assert (folder / "marks").read_text().split() == ["once"]
    assert "cells 1 to 3 were not executed again" in done.stdout
    assert read("o u t.ipynb").cells[3].outputs[0].text == "4\n"
    assert shlex.split(done.stdout.splitlines()[-1])[2] == f"zodb:{folder}/night job.fs"


def test_a_dead_kernel_and_too_little_time_are_failures_of_a_cell(folder, command):
    write(folder / "in.ipynb", ["import os, signal; os.kill(os.getpid(), signal.SIGKILL)"])
    dead = command("notebook", "in.ipynb", "out.ipynb")
    assert (dead.returncode, "DeadKernelError: Kernel died" in dead.stderr) == (1, True)


def test_json_is_all_that_is_printed(folder, command):
    write(folder / "in.ipynb", ["1"])
    facts = json.loads(command("notebook", "in.ipynb", "out.ipynb", "--json").stdout)
    assert (facts["status"], facts["position"], facts["error"], facts["output"]) == (
        "done",
        1,
        None,
        "out.ipynb",
    )


def test_what_was_not_kept_is_found_before_anything_runs(folder, command):
    write(
        folder / "in.ipynb", ["squares = (i * i for i in range(3))", "x = 1", "1 / 0", "print(next(squares))"]
    )
    assert command("notebook", "in.ipynb", "out.ipynb").returncode == 1
    write(
        folder / "in.ipynb",
        ["squares = (i * i for i in range(3))", "x = 1", "open('ran', 'w')", "print(next(squares))"],
    )
    refused = command("notebook", "in.ipynb", "out.ipynb", "--resume")
    assert refused.returncode == 2
    assert refused.stdout == ""
    assert "squares (made by cell 1: " in refused.stderr
    assert "nothing was executed; execute the notebook whole, without resume" in refused.stderr
    assert not (folder / "ran").exists()


def test_the_store_of_the_environment_is_the_kernels(folder, command):
    write(folder / "in.ipynb", ["1"])
    done = command("notebook", "in.ipynb", "out.ipynb", PFORGE_STATE="lab.fs")
    assert done.returncode == 0, done.stderr
    assert f"--state zodb:{folder}/lab.fs " in done.stdout.splitlines()[-1]


def test_a_run_that_is_not_there_has_an_exit_code_of_its_own(folder, command):
    write(folder / "in.ipynb", ["1"])
    assert command("notebook", "in.ipynb", "out.ipynb", "--resume", "nope").returncode == 4


@pytest.mark.parametrize("text", ["1", "-2", "1.5", "1e3", "True", "False", "None", "a", "1_000", "nan", ""])
def test_parameters_are_read_as_papermill_reads_them(text):
    assert repr(as_papermill_reads(text)) == repr(_resolve_type(text))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name: sums", "is no notebook that can be read"),
        ("{}", "is no notebook that can be read"),
        (
            '{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}',
            "names no kernel; open it in Jupyter",
        ),
        (
            '{"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": {"name": "none-such", "display_name": "x"}}, "cells": []}',
            "asks for kernel 'none-such', which is not installed",
        ),
    ],
    ids=["yaml", "empty", "no kernel", "unknown kernel"],
)
def test_what_cannot_be_executed_is_told_in_one_line(folder, command, text, told):
    (folder / "in.ipynb").write_text(text, encoding="utf-8")
    done = command("notebook", "in.ipynb", "out.ipynb")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("pforge-lab: in.ipynb ")
    assert told in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_a_folder_for_the_output_that_is_not_there_is_told_and_not_made(folder, command):
    write(folder / "in.ipynb", ["1"])
    done = command("notebook", "in.ipynb", "nowhere/out.ipynb")
    assert (done.returncode, "nowhere, does not exist; make it" in done.stderr) == (2, True)
    assert not (folder / "nowhere").exists()


def test_the_value_of_an_excluded_parameter_is_shown_nowhere(command, folder):
    """Neither while it is executed, fails and is resumed, nor by what looks at the run; the job has it all the same."""
    cells = ["token, n = '', 1", "print(len(token), file=open('seen', 'a'))"]
    write(folder / "in.ipynb", [*cells, "1 / 0"], tags={1: ["parameters"]})
    given = ("notebook", "in.ipynb", "out.ipynb", "-p", "token=s3cret", "-p", "n=2")
    said = [command(*given, "--exclude", "tok*")]
    attach = shlex.split(said[0].stdout.splitlines()[-1])[1:-1]
    said += [command(*attach, word) for word in ("status", "runs")]
    write(folder / "in.ipynb", [*cells, "n"], tags={1: ["parameters"]})
    said.append(command("notebook", "in.ipynb", "out.ipynb", "--resume"))
    assert [done.returncode for done in said] == [1, 0, 0, 0]
    assert "-p n=2 --exclude 'tok*' --resume" in said[0].stderr
    assert "token = (excluded)" in said[1].stdout
    assert "n=2, token=(excluded)" in said[3].stderr
    assert not any("s3cret" in done.stdout + done.stderr for done in said)
    assert "s3cret" not in str(read("out.ipynb").cells[-1])
    assert (folder / "seen").read_text() == "6\n"


def test_resumed_it_has_the_parameters_it_had(command, folder):
    """Where none are given, whatever their order was: else cells that completed would be executed again."""
    cells = [
        "z, n = 0, 1",
        "with open('count', 'a') as file:\n    print(file=file)",
        "1 / 0 if n == 5 else n",
    ]
    write(folder / "in.ipynb", cells, tags={1: ["parameters"]})
    assert command("notebook", "in.ipynb", "out.ipynb", "-p", "z=1", "-p", "n=5").returncode == 1
    write(folder / "in.ipynb", [*cells[:2], "print('n is', n)"], tags={1: ["parameters"]})
    done = command("notebook", "in.ipynb", "out.ipynb", "--resume")
    assert done.returncode == 0, done.stderr
    assert "parameters are as they were where -p gives no others: n=5, z=1" in done.stderr
    assert len((folder / "count").read_text()) == 1
    assert "n is 5" in (folder / "out.ipynb").read_text()
