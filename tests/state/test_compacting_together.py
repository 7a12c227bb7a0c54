"""Several processes that compact one store at the same time take nothing from it."""

from __future__ import annotations

import subprocess
import sys

import pytest

import pforge_lab as pf

COMPACTS = """
import sys
import pforge_lab as pf
with pf.open_state(sys.argv[1]) as state:
    print("ready", flush=True)
    sys.stdin.readline()
    for _ in range(4):
        state.compact()
"""


def test_processes_that_compact_a_sqlite_store_at_once_leave_every_value(tmp_path):
    pytest.importorskip("relstorage")
    url = f"sqlite:{tmp_path / 'lab.db'}"
    values = {f"key/{number:04d}": bytes([number % 256]) * 700 for number in range(300)}
    with pf.open_state(url) as state:
        state.set_many(values)
    command = [sys.executable, "-c", COMPACTS, url]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    for process in processes:
        process.stdout.readline()
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        process.communicate(timeout=240)
    assert [process.returncode for process in processes] == [0, 0, 0]
    with pf.open_state(url) as state:
        assert state.get_many(list(values)) == values
