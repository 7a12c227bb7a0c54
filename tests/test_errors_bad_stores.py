"""The rows of the table of bad input that are about stores: in use, busy, damaged, or not ours."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import pforge_lab as pf
from tests.messages import one_line

HOLD = """
import sys
import pforge_lab as pf
state = pf.open_state("lab.fs")
def block():
    print("inside", flush=True)
    sys.stdin.readline()
def one(): return 1
run = pf.Pipeline.from_functions("p", one, block).start(state=state)
run.finish()
"""


@pytest.fixture
def held(tmp_path):
    """Start a process that holds a store and is inside a step; return it and the path of the store."""
    (tmp_path / "hold.py").write_text(HOLD, encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "hold.py"],
        cwd=tmp_path, env={**os.environ, "JPY_SESSION_NAME": "lab.ipynb"}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout.readline() == "inside\n"
    yield process, tmp_path / "lab.fs"
    process.communicate("\n")


# -- store in use by another process; run being advanced elsewhere


def test_a_store_in_use_names_who_holds_it_and_the_two_ways_out(held):
    process, path = held
    with pytest.raises(pf.StateLocked) as caught:
        pf.open_state(path)
    message = one_line(caught)
    assert str(process.pid) in message
    assert "lab.ipynb" in message
    assert "mode='r'" in message
    assert caught.value.pid == process.pid
    assert caught.value.since is not None


def test_a_run_that_is_advanced_elsewhere_names_by_whom_and_since_when(held):
    process, path = held
    run = pf.open_run(state=path)
    try:
        with pytest.raises(pf.RunBusy) as caught:
            run.step()
        message = one_line(caught)
        assert f"process {process.pid} on " in message
        assert " since 20" in message
        assert run.id in message
        assert caught.value.since is not None
    finally:
        run.state.close()


# -- store damaged or not ours


@pytest.mark.parametrize(
    "content", [b"not a store of ours" * 50, b"FS21" + b"\x00" * 500], ids=["text", "zeros"]
)
def test_a_file_that_is_no_store_is_told_and_left_as_it_was(tmp_path, content):
    path = tmp_path / "junk.fs"
    path.write_bytes(content)
    with pytest.raises(pf.StateCorrupt) as caught:
        pf.open_run(state=path)
    assert "junk.fs" in one_line(caught)
    assert path.read_bytes() == content


def test_a_run_that_lacks_a_key_says_which(memory_url):
    def one():
        return 1

    run = pf.Pipeline.from_functions("p", one).start(state=memory_url)
    run.step()
    (key,) = run.state.keys(f"pforge/run/{run.id}/00000000/00000000/manifest")
    run.state.delete(key)
    with pytest.raises(pf.StateCorrupt) as caught:
        run.back()
    assert key in one_line(caught)


def test_a_missing_chunk_is_told(memory_url):
    import numpy as np

    def big():
        return np.arange(100_000)

    run = pf.Pipeline.from_functions("p", big).start(state=memory_url)
    run.step()
    run.back()
    for key in run.state.keys("pforge/chunk/"):
        run.state.delete(key)
    run.goto(1)  # loads nothing
    with pytest.raises(pf.StateCorrupt, match="is missing in memory"):
        run["big"]
