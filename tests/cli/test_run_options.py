"""Options that a run is started with in a shell mean what they mean in Python."""

from __future__ import annotations

import pytest

import pforge_lab as pf


def test_drop_unused_drops_what_no_later_step_reads(pforge):
    """With ``--drop-unused`` only the last step's variable is left."""
    pforge("run", "sums.yaml", "--drop-unused")
    run = pf.open_run()
    assert "load" not in run.variables
    assert run["check"] == "fine"


def test_keep_says_how_many_snapshots_stay(pforge):
    """With ``--keep 1`` an early position is gone; the message says so."""
    pforge("run", "sums.yaml", "--keep", "1")
    said = pforge("goto", "load")
    assert said.code == 2
    assert "snapshot" in said.err


def test_a_keep_that_is_none_is_refused(pforge):
    """The message names the value."""
    said = pforge("run", "sums.yaml", "--keep", "some")
    assert said.code == 2
    assert "'some'" in said.err


def test_exclude_keeps_a_variable_out_of_the_store(pforge):
    """The pattern's variable is there after the step and not kept for another process."""
    pforge("start", "sums.yaml", "--exclude", "loa*")
    pforge("step")
    said = pforge("show", "load")
    assert "excluded" in said.out + said.err


def test_memory_settle_returns_freed_memory(pforge):
    """The record says that memory was settled."""
    pforge("start", "sums.yaml", "--memory", "settle")
    pforge("step")
    run = pf.open_run()
    assert run.records.iloc[-1].memory.settled


def test_a_step_alone_can_look_deeper(pforge):
    """``step --memory settle`` holds for that step only."""
    pforge("start", "sums.yaml")
    pforge("step", "--memory", "settle")
    pforge("step")
    run = pf.open_run()
    assert [memory.settled for memory in run.records.memory] == [True, False]


def test_a_run_can_be_named(pforge):
    """``--id`` is what ``--run`` takes."""
    pforge("run", "sums.yaml", "--id", "tuesday")
    assert "tuesday" in pforge("runs").out
    assert pforge("--run", "tuesday", "status").code == 0


def test_carry_hands_final_variables_on(pforge):
    """Two runs under one name: the second starts with what the first ended with."""
    pforge("run", "sums.yaml", "--carry", "sums", "-p", "n=5")
    pforge("start", "sums.yaml", "--carry", "sums")
    run = pf.open_run()
    assert run["total"] == 10


HIDDEN = """
CACHE = []

def load(n=3):
    CACHE[:] = range(n)
    return {"rows": CACHE}

def total(load):
    return sum(load["rows"])

def check(total, limit=100):
    CACHE.append(total)
    return "fine"
"""


@pytest.fixture
def hidden(folder):
    """Have a tool that changes a variable which it does not name."""
    (folder / "tools.py").write_text(HIDDEN, encoding="utf-8")


def test_verify_tells_what_a_step_changes_without_naming_it(hidden, pforge):
    """With ``--verify`` the step's line says it, and so does its record later; nothing else is printed."""
    said = pforge("run", "sums.yaml", "--verify")
    assert "check" in next(
        line for line in said.out.splitlines() if "changed without naming it: load" in line
    )
    assert said.err == ""
    assert "changed without naming it: load" in pforge("status").out


def test_a_step_alone_can_verify(hidden, pforge):
    """``step --verify`` holds for the steps that it takes."""
    pforge("start", "sums.yaml")
    said = pforge("step", "3", "--verify")
    assert "Undeclared" in said.out
