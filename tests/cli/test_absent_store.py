"""A store that is not there: looking refuses and creates nothing, writing creates it."""

from __future__ import annotations

import pytest

import pforge_lab as pf

LOOKS = [
    ["runs"], ["vars"], ["show", "x"], ["attach"], ["state", "ls"], ["state", "get", "a"], ["state", "stats"],
    ["state", "delete", "a"], ["state", "cleanup"], ["state", "compact"],
]  # fmt: skip


@pytest.mark.parametrize("words", LOOKS, ids=" ".join)
@pytest.mark.parametrize("url", ["lba.fs", "zodb:lba.fs", "sqlite:lba.db"])
def test_commands_on_what_is_there_refuse_what_is_not(pforge, folder, url, words):
    pf.open_state(folder / "lab.fs").close()
    pf.open_state(f"sqlite:{folder / 'lab.db'}").close()
    before = sorted(folder.rglob("*"))
    said = pforge("--state", url, *words)
    name = url.rpartition(":")[2]
    told = f"there is no store {name!r} in {folder}, did you mean {name.replace('lba', 'lab')!r}?"
    assert (said.code, said.out, said.err.splitlines()) == (2, "", [f"pforge-lab: {told}"])
    assert sorted(folder.rglob("*")) == before


def test_a_run_is_not_looked_for_in_a_store_that_is_not_there(pforge, folder):
    before = sorted(folder.rglob("*"))
    for words in (["step"], ["state", "set", "a", "1"]):
        assert pforge("--state", "lba.fs", "--run", "x", *words).code == 2
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize("words", [["ls"], ["get", "a"], ["stats"]], ids=" ".join)
def test_looks_do_not_create_the_default_store(pforge, folder, words):
    said = pforge("state", *words)
    assert (said.code, "there is no store 'python.fs'" in said.err) == (2, True), said
    assert not list(folder.rglob("*.fs"))


@pytest.mark.parametrize("url", ["new.fs", "sqlite:new.db"])
def test_writing_creates_the_store(pforge, folder, url):
    assert pforge("--state", url, "state", "set", "a", "1").code == 0
    assert pforge("--state", url, "state", "ls").out == "a\n"


def test_a_file_whose_compaction_was_interrupted_is_there(pforge, folder):
    assert pforge("--state", "lab.fs", "state", "set", "a", "1").code == 0
    with pf.open_state(folder / "lab.fs") as state:
        while not state.closed:
            state.close()
    (folder / "lab.fs").rename(folder / "lab.fs.old")
    with pytest.warns(UserWarning, match="compaction was interrupted"):
        assert pforge("--state", "lab.fs", "state", "ls").out == "a\n"
