"""Children of the meter: their own peak, whatever their parent held; exit codes and surroundings as without."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest

from pforge_lab.meter.children import Ended, spawn

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux lets a small process stand between"
)
MB = 10**6


def finish(command, **options):
    """Run a command to its end; return how it ended, and what it printed."""
    child = spawn(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, **options)
    printed, _ = child.process.communicate()
    return child.wait(), printed


def test_a_child_below_its_parents_peak_reports_its_own():
    """300 MB under a parent that holds 500 MB: within 5 %."""
    held = np.ones(500 * MB // 8)
    code = "x = bytearray(b'x') * 300_000_000"
    empty, _ = finish([sys.executable, "-I", "-c", "pass"])
    ended, _ = finish([sys.executable, "-I", "-c", code])
    assert ended.peak - empty.peak == pytest.approx(300 * MB, rel=0.05)
    assert ended.peak < held.nbytes


def test_a_child_that_holds_nothing_reports_next_to_nothing():
    held = np.ones(300 * MB // 8)
    ended, _ = finish(["true"])
    assert ended.peak < 30 * MB < held.nbytes


@pytest.mark.parametrize("code", [0, 3, 255])
def test_the_exit_code_is_the_commands(code):
    assert finish(["sh", "-c", f"exit {code}"])[0].exit_code == code


def test_the_signal_is_the_commands():
    assert finish(["sh", "-c", "kill -TERM $$"])[0].exit_code == -signal.SIGTERM


def test_a_command_that_is_not_there_raises_as_popen_does():
    with pytest.raises(FileNotFoundError) as ours:
        spawn(["no-such-command-anywhere"])
    with pytest.raises(FileNotFoundError) as theirs:
        subprocess.Popen(["no-such-command-anywhere"])
    assert str(ours.value) == str(theirs.value)


def test_a_file_that_is_no_program_raises_as_popen_does(tmp_path):
    file = tmp_path / "text"
    file.write_text("no program")
    with pytest.raises(PermissionError):
        spawn([str(file)])
    file.chmod(0o700)
    with pytest.raises(OSError, match="Exec format error"):
        spawn([str(file)])


@pytest.mark.parametrize("locale", [{}, {"LC_CTYPE": "C"}, {"LC_ALL": "C"}])
def test_the_environment_is_what_was_given(locale):
    given = {"PATH": os.environ["PATH"], "PYTHONPATH": "x", **locale}
    _, printed = finish(["/usr/bin/env"], env=given)
    assert dict(line.split("=", 1) for line in printed.decode().splitlines()) == given


def test_signals_are_as_a_new_process_expects_them():
    """A writer whose reader went away ends, as in a shell; Python itself ignores that signal."""
    _, printed = finish(["grep", "SigIgn", "/proc/self/status"])
    assert int(printed.split()[1], 16) & (1 << 12 | 1 << 24) == 0


def test_no_descriptor_leaks_into_the_command():
    _, printed = finish(["ls", "/proc/self/fd"])
    assert printed.split() == [b"0", b"1", b"2", b"3"]  # the last is the listing's own


def test_killed_together_with_what_stands_between_the_peak_is_not_known():
    child = spawn(["sleep", "100"], start_new_session=True)
    os.killpg(child.process.pid, signal.SIGKILL)
    assert child.wait() == Ended(-signal.SIGKILL, None)


def test_asked_to_end_the_command_is_waited_for():
    """Its own end is reported, and it leaves no zombie: what stands between outlives it."""
    code = "trap 'exit 5' TERM; echo $$; while :; do :; done"
    child = spawn(["sh", "-c", code], start_new_session=True, stdout=subprocess.PIPE)
    pid = int(child.process.stdout.readline())
    os.killpg(child.process.pid, signal.SIGTERM)
    assert child.wait().exit_code == 5
    child.process.stdout.close()
    assert not psutil.pid_exists(pid)


def test_a_deadline_is_kept():
    child = spawn(["sleep", "100"], start_new_session=True)
    assert child.wait(time.monotonic()) is None
    os.killpg(child.process.pid, signal.SIGTERM)
    assert child.wait(time.monotonic() + 60).exit_code == -signal.SIGTERM
