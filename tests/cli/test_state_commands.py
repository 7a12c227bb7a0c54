"""The commands on keys and stores, as a shell calls them."""

from __future__ import annotations

import shelve
import subprocess
import sys

import pytest

import pforge_lab as pf


@pytest.fixture
def shell(tmp_path):
    """Return a function that calls pforge-lab on one store and gives what it printed."""

    def call(*words, fails=False):
        command = [sys.executable, "-m", "pforge_lab", "--state", "lab.fs", "state", *words]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
        assert bool(done.returncode) == fails, done.stderr
        return done.stderr.strip() if fails else done.stdout

    return call


def test_a_value_set_in_one_shell_is_there_in_the_next(shell):
    """Set, list, get and delete act on the store, each in a process of its own."""
    shell("set", "answer", "42")
    assert shell("ls") == "answer\n"
    assert shell("get", "answer") == "42"
    assert shell("delete", "answer") == "deleted answer\n"
    assert shell("ls") == ""


def test_a_missing_key_is_told_with_what_there_is(shell):
    """A wrong key is one line that names near misses."""
    shell("set", "answer", "42")
    assert "no key 'anwser'" in shell("get", "anwser", fails=True)
    assert "did you mean 'answer'?" in shell("delete", "anwser", fails=True)


def test_a_value_with_an_age_expires(shell, tmp_path):
    """--ttl takes an age, and stats count the key."""
    shell("set", "soon", "gone", "--ttl", "12h")
    assert "1 keys, 4 bytes" in shell("stats")
    with pf.open_state(tmp_path / "lab.fs") as state:
        assert 12 * 3600 - 300 < state.ttl("soon") <= 12 * 3600


def test_an_old_shelf_is_imported(shell, tmp_path):
    """A shelf of the standard library is there afterwards, under its prefix."""
    with shelve.open(str(tmp_path / "old")) as old:
        old["x"] = [1, 2]
    assert "imported 1 value;" in shell("import", "old", "--prefix", "old/")
    with pf.open_state(tmp_path / "lab.fs") as state:
        assert state.shelf("old/")["x"] == [1, 2]


def test_compacting_says_what_it_gave_back(shell):
    """Compact tells the size of the file before and after."""
    shell("set", "a", "1")
    assert "compacted from" in shell("compact")
    assert "removed 0 expired keys" in shell("cleanup")


def test_runs_never_expire_in_a_store_whose_keys_do(tmp_path):
    """The store's own expiry is for its users' keys, not for runs."""
    with pf.open_state(tmp_path / "short.fs", ttl=60) as state:
        run = pf.Pipeline.from_functions("one", one).start(state=state)
        run.finish()
        assert {state.ttl(key) for key in state.keys("pforge/")} == {None}


def test_a_forge_says_where_its_runs_live(tmp_path):
    """The state section of a file is opened when a run of it starts."""
    (tmp_path / "one.yaml").write_text(
        "name: one\nstate: { backend: zodb, path: data.fs }\nsteps:\n  - { tool: 'builtins:list', output_var: x }\n"
    )
    run = pf.load_pipeline(tmp_path / "one.yaml").start()
    assert run.state.url == f"zodb:{tmp_path / 'data.fs'}"
    run.state.close()


def one():
    return 1


def test_a_server_that_is_terminated_closes_its_store(tmp_path):
    """SIGTERM, as service managers send it, leaves neither a socket nor an owner behind."""
    command = [sys.executable, "-u", "-m", "pforge_lab", "state", "serve", "lab.fs"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as server:
        assert "open it with" in server.stdout.readline()
        with pf.open_state(f"zeo:{tmp_path / 'lab.sock'}") as state:
            state.set("answer", b"42" * 1_000_000)
            assert state.stats().file_bytes > 2_000_000
        server.terminate()
        assert server.wait(60) == 0
    assert {path.suffix for path in tmp_path.glob("lab.*")} == {".fs", ".ack", ".index", ".lock", ".blobs"}


def test_a_server_without_its_extra_says_what_to_install(tmp_path):
    """Where ZEO is not installed, serve is an error of one line."""
    code = "import sys; sys.modules['ZEO'] = None; sys.argv = ['x', 'state', 'serve', 'lab.fs']; from pforge_lab.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 2
    assert "python -m pip install 'pforge_lab[zeo]'" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("command", [("compact",), ("cleanup",), ("delete", "k")])
def test_what_acts_on_what_is_there_creates_no_store(command, pforge, folder):
    said = pforge("state", *command)
    assert (said.code, "there is no store" in said.err) == (2, True)
    assert not (folder / ".pforge").exists()
