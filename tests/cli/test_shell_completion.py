"""Completion in a shell, as the scripts that click makes for bash, zsh and fish ask for it."""

from __future__ import annotations

import os

import pytest


@pytest.fixture
def complete(shell):
    """Return a function that gives what bash is told to offer for a line."""

    def offered(line: str) -> list[str]:
        words = line.split(" ")
        asked = {
            "_PFORGE_LAB_COMPLETE": "bash_complete",
            "COMP_WORDS": line,
            "COMP_CWORD": str(len(words) - 1),
        }
        said = shell(env=os.environ | asked)
        assert (said.code, said.err) == (0, "")
        return [entry.partition(",")[2] for entry in said.out.split()]

    return offered


def test_commands(complete):
    """Those that begin so."""
    assert complete("pforge-lab sta") == ["start", "state", "status"]


def test_steps_and_variables_of_the_newest_run(pforge, complete):
    """Read from the store; another process."""
    pforge("run", "sums.yaml")
    assert complete("pforge-lab goto ") == ["load", "total", "check"]
    assert complete("pforge-lab show to") == ["total"]


def test_the_run_and_the_store_that_are_named_are_looked_at(pforge, complete, folder):
    """``--state`` and ``--run`` stand before the command."""
    pforge("--state", "other.fs", "run", "sums.yaml", "--id", "named")
    assert complete("pforge-lab --state other.fs attach n") == ["named"]
    assert complete("pforge-lab --state other.fs --run named goto t") == ["total"]


def test_without_any_run_there_is_nothing_to_offer_and_no_error(complete):
    """A prompt is no place for errors."""
    assert complete("pforge-lab goto ") == []


@pytest.mark.parametrize("kind", ["bash", "zsh", "fish"])
def test_each_shell_has_its_script(shell, kind):
    """What the page of the command line has users evaluate."""
    said = shell(env=os.environ | {"_PFORGE_LAB_COMPLETE": f"{kind}_source"})
    assert said.code == 0
    assert "pforge-lab" in said.out
