"""Progress while a command takes its time: in a real terminal and as data."""

from __future__ import annotations

import os
import sys
import threading

import pytest

import pforge_lab as pf
from pforge_lab.cli.progress import Progress


class Lines:
    """A place that keeps what it was shown, and tells when a line named the step."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.ends: list[str] = []
        self.named = threading.Event()

    def show(self, line: str) -> None:
        """Keep a line."""
        self.lines.append(line)
        if "work" in line:
            self.named.set()

    def hide(self) -> None:
        """Nothing to do."""

    def end(self, line: str) -> None:
        """Keep the summary."""
        self.ends.append(line)


def started(work) -> pf.Run:
    """Return a run whose only step does that work."""
    return pf.Pipeline("p", steps=[pf.Step(work, label="work", input={}, output_var="x")]).start(
        state="memory:"
    )


def test_a_step_that_takes_long_is_seen_to_go_on():
    """Its label, its place, its time and the memory held are shown while it executes."""
    place = Lines()
    run = started(lambda: place.named.wait(60))
    with Progress(place, delay=0.01, every=0.01)(run):
        run.finish()
    assert run["x"]
    line = next(line for line in place.lines if "work" in line)
    assert line.startswith("▶ step 1 of 1  work  ")
    assert line.endswith("B")
    assert place.ends[0].startswith("done: 1 step in ")


def test_what_is_done_at_once_shows_nothing():
    """Quick commands leave the screen alone."""
    place = Lines()
    run = started(lambda: 1)
    with Progress(place, delay=60)(run):
        run.finish()
    assert place.lines == []


def test_a_failure_passes_through_and_progress_ends():
    """No thread is left behind."""
    place = Lines()
    run = started(lambda: 1 / 0)
    before = threading.active_count()
    with pytest.raises(pf.StepError), Progress(place)(run):
        run.finish()
    assert threading.active_count() == before
    assert place.ends[0].startswith("failed: 0 steps")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_a_terminal_has_one_line_that_is_replaced_and_leaves_only_records(folder):
    """While the step waits for a file the line shows it; afterwards the record stands in its place."""
    import pty
    import subprocess

    (folder / "slow.py").write_text(
        "import pathlib, select\n"
        "def wait():\n"
        "    while not pathlib.Path('go').exists():\n        select.select([], [], [], 0.02)\n"
        "    return 1\n"
    )
    (folder / "slow.yaml").write_text(
        "name: slow\ntools: [{ type: native, name: wait, handler: { path: 'slow:wait' } }]\n"
        "steps: [{ tool: wait, input: {}, output_var: x }]\n"
    )
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "pforge_lab", "run", "slow.yaml"]
    with subprocess.Popen(command, cwd=folder, stdout=theirs, stderr=theirs, stdin=theirs) as process:
        os.close(theirs)
        seen = b""
        while b"step 1 of 1  wait" not in seen:
            seen += os.read(ours, 4096)
        (folder / "go").touch()
        try:
            while chunk := os.read(ours, 4096):
                seen += chunk
        except OSError:  # the other end was closed
            pass
    os.close(ours)
    assert process.returncode == 0
    assert seen.rindex(b"\r\x1b[K") < seen.index("✓   1  wait".encode())
