"""Programs that measure themselves in a process of their own."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap

PRELUDE = """
import gc, json, mmap, sys, threading, time
import numpy as np
from pforge_lab import meter

MB = 10**6

def touch(megabytes):
    with mmap.mmap(-1, megabytes * MB) as block:
        for start in range(0, megabytes * MB, mmap.PAGESIZE):
            block[start] = 1

def busy(seconds):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        sum(range(100))

def rise(reading):
    return (reading.peak - reading.before) / MB

def measured(function):
    scope = meter.enter()
    function()
    return meter.exit(scope)

measured(lambda: None)

def show(**facts):
    print(json.dumps(facts))
"""


def fresh(code, *arguments):
    """Run code in an interpreter of its own, where no other test has freed memory, and return what it shows."""
    done = subprocess.run(
        [sys.executable, "-c", PRELUDE + textwrap.dedent(code), *map(str, arguments)],
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
