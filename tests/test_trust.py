"""Whose key a run was signed with decides whether opening it may build what it names."""

from __future__ import annotations

import base64
import subprocess
import sys
import textwrap

import pytest

import pforge_lab as pf
from pforge_lab.runs.endorsing import endorse
from pforge_lab.runs.foreign import foreign
from pforge_lab.runs.journal import Journal
from pforge_lab.runs.pages import CARRIED, carried

WRITE = """
import dataclasses, pathlib, sys
import pforge_lab as pf
import beside

@dataclasses.dataclass
class Point:
    x: int

def load(): return [1, 2]
def point(load): return Point(load[0])
def total(load): return sum(load)

run = pf.Pipeline.from_functions("p", load, point, total, beside.tool).start(state="lab.fs")
run.step(3)
print(run.id)
"""
BESIDE = """
import pathlib
pathlib.Path(__file__).with_name("imported").touch()
def tool(total): return total + 1
"""


@pytest.fixture
def theirs(tmp_path, key):
    """Let somebody else write a run; return the folder it is in, with our key in use."""
    folder = tmp_path / "theirs"
    folder.mkdir()
    (folder / "write.py").write_text(textwrap.dedent(WRITE), encoding="utf-8")
    (folder / "beside.py").write_text(textwrap.dedent(BESIDE), encoding="utf-8")
    subprocess.run([sys.executable, "write.py"], cwd=folder, env=key("their key"), check=True)
    (folder / "imported").unlink()
    key("our key")
    return folder


def test_plain_data_of_somebody_else_are_read(theirs):
    with pf.open_state(theirs / "lab.fs", mode="r") as state:
        run = pf.open_run(state=state)
        assert run.at(3)["load"] == [1, 2]
        assert run.at(3)["total"] == 3


def test_plain_data_of_somebody_else_are_read_beside_what_is_refused(theirs):
    with pf.open_state(theirs / "lab.fs", mode="r") as state:
        assert pf.open_run(state=state)["load"] == [1, 2]


def test_own_classes_of_somebody_else_are_refused_by_name(theirs):
    with pf.open_state(theirs / "lab.fs", mode="r") as state:
        run = pf.open_run(state=state)
        with pytest.raises(pf.UntrustedData, match="if you trust who wrote it"):
            run.at(2)["point"]


def test_opening_and_showing_somebody_else_s_run_runs_none_of_their_code(theirs):
    """Neither functions kept by value nor modules beside the run."""
    with pf.open_state(theirs / "lab.fs", mode="r") as state:
        run = pf.open_run(state=state)
        (
            repr(run.records),
            run.memory,
            run.variable_sizes,
            run.lines,
            run.at(1).variables["load"],
            run.diff(0, 1),
        )
        assert not (theirs / "imported").exists()


def test_the_table_of_somebody_else_s_run_shows_and_runs_none_of_their_code(theirs):
    with pf.open_state(theirs / "lab.fs", mode="r") as state:
        run = pf.open_run(state=state)
        assert "total" in repr(run)
        assert "<table" in run._repr_html_()
        assert not (theirs / "imported").exists()


def test_stepping_somebody_else_s_functions_is_refused_by_name(theirs):
    with pf.open_state(theirs / "lab.fs") as state:
        run = pf.open_run(state=state)
        run.goto(0)
        with pytest.raises(
            pf.StepError, match=r"UntrustedData.*'load' .*signed with another key.*trust=\['functions'\]"
        ):
            run.step()
        assert run.position == 0


def test_trust_is_the_users_decision(theirs):
    with pf.open_state(theirs / "lab.fs") as state:
        run = pf.open_run(state=state, trust=["functions"])
        run.goto(0)
        run.step()
        assert run["load"] == [1, 2]


def test_a_run_that_was_signed_loads_in_full(theirs):
    """The command is the decision; it loads nothing itself, and holds for every later opening."""
    with pf.open_state(theirs / "lab.fs") as state:
        run = pf.open_run(state=state)
        signed = endorse(run)
        assert (signed.snapshots, signed.functions) == (len(run.records) + 1, True)
        assert not (theirs / "imported").exists()
        assert type(signed.run["point"]).__name__ == "Point"
        assert type(signed.run.at(2)["point"]).__name__ == "Point"
    with pf.open_state(theirs / "lab.fs") as state:
        assert type(pf.open_run(state=state).at(2)["point"]).__name__ == "Point"


def test_what_trusting_would_allow_is_listed_before(theirs):
    """Names beyond the safe list, with the variables that name them; nothing of it is imported."""
    with pf.open_state(theirs / "lab.fs") as state:
        run = pf.open_run(state=state)
        found = foreign(run)
        assert (found.snapshots, found.functions) == (len(run.records) + 1, ("load", "point", "total"))
        assert found.unread == {}
        assert any("point" in where for where in found.names["cloudpickle.cloudpickle._make_skeleton_class"])
        assert not any(name.startswith("builtins.list") for name in found.names)
        assert "cloudpickle.cloudpickle._make_skeleton_class  in " in str(found)
        assert not (theirs / "imported").exists()
        assert not foreign(endorse(run).run)


def test_steps_of_a_run_that_was_signed_execute(theirs):
    with pf.open_state(theirs / "lab.fs") as state:
        run = endorse(pf.open_run(state=state)).run
        run.goto(0)
        assert run.step().status == "done"


def test_what_is_ours_is_not_signed_again(theirs):
    """The second time there is nothing to write."""
    with pf.open_state(theirs / "lab.fs") as state:
        run = endorse(pf.open_run(state=state)).run
        again = endorse(run)
        assert (again.snapshots, again.functions) == (0, False)


def test_what_was_changed_after_it_was_made_is_refused_although_it_was_signed(theirs):
    """A signature is over what is there: streams must still be what their digests say."""
    with pf.open_state(theirs / "lab.fs") as state:
        run = pf.open_run(state=state)
        key = Journal(state, run.id).key(0, 1, "manifest")
        text = state.get(key)
        inline = Journal(state, run.id).manifest(0, 1).group(("load",)).inline
        other = base64.b64encode(inline[:-1] + b"x")
        state.set(key, text.replace(base64.b64encode(inline), other))
        signed = endorse(pf.open_run(state=state)).run
        with pytest.raises(pf.StateCorrupt):
            signed.at(1)["load"]


def test_a_store_that_is_open_for_looking_takes_no_signature(theirs):
    """It says so, and nothing changes."""
    with pf.open_state(theirs / "lab.fs", mode="r") as state, pytest.raises(pf.StateReadOnly):
        endorse(pf.open_run(state=state))


def test_a_shared_key_opens_everything(theirs, key):
    key("their key")
    with pf.open_state(theirs / "lab.fs") as state:
        run = pf.open_run(state=state)
        assert type(run["point"]).__name__ == "Point"
        assert repr(run["point"]) == "Point(x=1)"


def test_carried_variables_that_were_exchanged_are_those_you_signed_and_nothing_else(
    theirs, key, numbers_run
):
    """Under the name of other ones they are your own still; somebody else's are read under the safe list."""
    run, state = numbers_run
    own = state.get(Journal(state, run.id).key(0, 0, "manifest"))
    state.set(CARRIED + "mine", own)
    assert carried(state, "mine").is_ours
    with pf.open_state(theirs / "lab.fs", mode="r") as other:
        stranger = pf.open_run(state=other)
        state.set(CARRIED + "mine", other.get(Journal(other, stranger.id).key(0, 0, "manifest")))
    assert not carried(state, "mine").is_ours


def test_going_on_with_somebody_else_s_run_signs_nothing_unseen(theirs):
    """A class of theirs that this user never trusted is not in the snapshot of a step taken here."""
    with pf.open_state(theirs / "lab.fs") as state:
        run = pf.open_run(state=state)
        with pytest.raises(pf.UntrustedData):
            run.set(other=1)
        assert not run.timeline.manifest(run.position).is_ours
