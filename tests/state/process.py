"""Another Python that does what it is told, in the place of another kernel."""

from __future__ import annotations

import json
import os
import subprocess
import sys


class Process:
    """Another Python, which runs the code it is given; it stands for another kernel."""

    PROGRAM = """
import json, sys
from pforge_lab.state import open_state
for line in sys.stdin:
    exec(json.loads(line))
    print("done", flush=True)
"""

    def __init__(self) -> None:
        environment = os.environ | {"JPY_SESSION_NAME": "/home/ada/day.ipynb"}
        command = [sys.executable, "-c", self.PROGRAM]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        self.pid = self._process.pid

    def send(self, code: str) -> None:
        """Let it run ``code`` and do not wait."""
        self._process.stdin.write(json.dumps(code) + "\n")
        self._process.stdin.flush()

    def wait(self) -> None:
        """Wait until the code it was sent has been run."""
        assert self._process.stdout.readline() == "done\n"

    def run(self, code: str) -> None:
        """Let it run ``code`` and wait."""
        self.send(code)
        self.wait()

    def kill(self) -> None:
        """End it without a chance to tidy up."""
        self._process.kill()
        self.end()

    def end(self) -> None:
        """Let it end."""
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
