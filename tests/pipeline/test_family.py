"""Processes that a command leaves behind are found and ended with it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading
import time

import psutil
import pytest

from pforge_lab.errors import StepTimeout
from pforge_lab.pipeline.calls import Cancelled, Stop
from tests.programs import need

pytestmark = pytest.mark.skipif(os.name != "posix", reason="sessions are of POSIX")

ORPHAN = "setsid sh -c 'echo $$ > pid; exec sleep 60' & while ! test -s pid; do sleep 0.05; done; "
"""A script whose child has a session of its own, holds the pipes, and is left alone."""


def step_of(script, **fields):
    """Return a pipeline of one command, as YAML."""
    tool = {"type": "cli", "name": "it", "command": "sh", "args": ["-c", script], **fields}
    return json.dumps({"tools": [tool], "steps": [{"tool": "it"}]})


def lives(pid):
    """Return whether a process is there and no zombie."""
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


@pytest.mark.parametrize("end", ["exit 0", "sleep 60"])
def test_a_timeout_ends_orphans_in_sessions_of_their_own(one_step, tmp_path, end):
    """Whether the command itself has ended or not."""
    need("setsid")
    outcome = one_step(step_of(f"({ORPHAN}); {end}", timeout_ms=2000), folder=tmp_path)
    assert isinstance(outcome.error, StepTimeout)
    assert not lives(int((tmp_path / "pid").read_text()))


def test_nobody_waits_for_an_orphan_that_cannot_be_found(one_step, tmp_path):
    """One that has neither parent, nor group, nor environment of the command goes on; the step does not."""
    need("setsid")
    script = ORPHAN.replace("setsid", "env -i PATH=$PATH setsid") + "exit 0"
    started = time.monotonic()
    outcome = one_step(step_of(f"({script})", timeout_ms=2000), folder=tmp_path)
    took = time.monotonic() - started
    pid = int((tmp_path / "pid").read_text())
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    assert isinstance(outcome.error, StepTimeout)
    assert took < 30


def test_a_call_that_is_stopped_ends_orphans(one_step, heard, tmp_path):
    """Another thread stops it, as a part that fails does with those beside it."""
    need("setsid")
    stop = Stop()

    class Stopping(type(heard)):
        """Stops once the orphan is there."""

        def output_line(self, label, stream, text):
            threading.Thread(target=stop).start()

    outcome = one_step(
        step_of(f"({ORPHAN}); echo there; exit 0", stream=True),
        folder=tmp_path,
        listener=Stopping(),
        stop=stop,
    )
    assert isinstance(outcome.error, Cancelled)
    assert not lives(int((tmp_path / "pid").read_text()))


def test_an_interrupt_ends_orphans(one_step, heard, tmp_path):
    """As it ends the command."""
    need("setsid")

    class Interrupting(type(heard)):
        """Interrupts once the orphan is there."""

        def output_line(self, label, stream, text):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        one_step(
            step_of(f"({ORPHAN}); echo there; sleep 60", stream=True),
            folder=tmp_path,
            listener=Interrupting(),
        )
    assert not lives(int((tmp_path / "pid").read_text()))


def test_a_command_is_over_when_nobody_holds_its_output(one_step, tmp_path):
    """As for a shell that reads it: what a background process prints belongs to it; one that prints elsewhere goes on."""
    text = step_of("(sleep 0.3; echo late) & echo early; exit 0", parse="lines", timeout_ms=20_000)
    assert one_step(text, folder=tmp_path).output == ["early", "late"]
    text = step_of("sleep 60 >/dev/null 2>&1 & echo $!", parse="json", timeout_ms=20_000)
    pid = one_step(text, folder=tmp_path).output
    assert lives(pid)
    os.kill(pid, signal.SIGKILL)
