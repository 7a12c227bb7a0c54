"""Where runs live when nobody says, and how they are found again."""

from __future__ import annotations

import stat
import sys

import pytest

import pforge_lab as pf

START = """
import sys
import pforge_lab as pf
def one(): return 1
run = pf.Pipeline.from_functions("p", one).start()
run.step()
print(run.id, run.state.url, flush=True)
if "wait" in sys.argv:
    sys.stdin.readline()
"""


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Stand in an empty folder, as a prompt does that runs no file."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delattr(sys.modules["__main__"], "__file__", raising=False)
    return tmp_path


def test_a_script_keeps_its_runs_beside_itself_under_its_name(scripts, tmp_path_factory):
    scripts.write("analysis.py", START)
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (printed,) = type(scripts)(elsewhere).run(str(scripts.folder / "analysis.py"))
    folder = scripts.folder / ".pforge"
    assert printed.split()[1].endswith("/.pforge/analysis.fs")
    assert (folder / "analysis.fs").is_file()
    assert not (elsewhere / ".pforge").exists()


def test_only_the_user_can_read_it_and_version_control_passes_it_over(scripts):
    scripts.run("analysis.py", START)
    folder = scripts.folder / ".pforge"
    assert mode(folder) == 0o700
    assert {path.name: mode(path) & 0o077 for path in folder.iterdir() if path.name != ".gitignore"} == {
        path.name: 0 for path in folder.iterdir() if path.name != ".gitignore"
    }
    assert mode(folder / "analysis.fs") == 0o600
    assert (folder / ".gitignore").read_text(encoding="utf-8") == "*\n"


def test_a_file_that_a_live_process_holds_gives_way_to_the_next_name_said_once(scripts):
    first = scripts.start("analysis.py", START, "wait")
    first.stdout.readline()
    try:
        again = START + "\npf.Pipeline.from_functions('q', one).start()\n"
        second = scripts.start("analysis.py", again)
        out, err = second.communicate()
    finally:
        first.communicate("\n")
    assert out.split()[1].endswith("/.pforge/analysis-2.fs")
    said = [line for line in err.splitlines() if "pforge_lab:" in line]
    assert len(said) == 1
    assert "analysis.fs is in use by" in said[0]
    assert f"process {first.pid}" in said[0]


def test_runs_looks_into_all_files_those_of_live_processes_too(scripts, here):
    alive = scripts.start("alive.py", START, "wait")
    name = alive.stdout.readline().split()[0]
    (gone,) = scripts.run("gone.py", START)
    try:
        rows = pf.runs().set_index("id")
        assert set(rows.index) == {name, gone.split()[0]}
        assert pf.runs().id.iloc[0] == gone.split()[0]
        looked_at = pf.open_run(name)
        assert (looked_at.state.mode, looked_at["one"]) == ("r", 1)
        own = pf.open_run(gone.split()[0])
        assert own.state.mode == "w"
    finally:
        alive.communicate("\n")
        looked_at.state.close()
        own.state.close()


def test_without_any_runs_the_message_says_where_it_looked(here):
    assert pf.runs().empty
    with pytest.raises(pf.RunNotFound, match=r"no runs in .*\.pforge yet; start one with pipeline\.start"):
        pf.open_run()
    assert not (here / ".pforge").exists()


def test_without_any_runs_in_a_store_the_message_names_the_store(memory):
    with pytest.raises(pf.RunNotFound, match=f"no runs in {memory} yet"):
        pf.open_run(state=memory)


def test_open_run_takes_an_id_a_beginning_of_it_or_nothing(numbers, memory):
    first = numbers.start({"n": 1}, state=memory, id="alpha-1")
    second = numbers.start({"n": 1}, state=memory, id="beta-1")
    assert pf.open_run("alpha-1", state=memory) is first
    assert pf.open_run("be", state=memory) is second
    assert pf.open_run(state=memory) is second


def test_an_unknown_or_ambiguous_id_names_near_ones(numbers, memory):
    numbers.start({"n": 1}, state=memory, id="alpha-1")
    numbers.start({"n": 1}, state=memory, id="alpha-2")
    with pytest.raises(pf.RunNotFound, match="no run 'alhpa-1', did you mean 'alpha-1'"):
        pf.open_run("alhpa-1", state=memory)
    with pytest.raises(
        pf.RunNotFound, match=r"several runs begin with 'alpha': alpha-.*, alpha-.*; give more"
    ):
        pf.open_run("alpha", state=memory)


def test_an_id_is_taken_once(numbers, memory):
    numbers.start({"n": 1}, state=memory, id="mine")
    with pytest.raises(pf.UsageError, match=r"there is a run 'mine' .*pf\.open_run\('mine'\)"):
        numbers.start({"n": 1}, state=memory, id="mine")


def test_the_same_id_is_the_same_object_and_the_callers_store_stays_open(numbers, tmp_path):
    with pf.open_state(tmp_path / "lab.fs") as state:
        run = numbers.start({"n": 1}, state=state)
        for _ in range(3):
            assert pf.open_run(run.id, state=state) is run
        assert not state.closed
        run.step()
    assert state.closed


def test_a_run_whose_store_was_closed_opens_afresh(numbers, tmp_path):
    state = pf.open_state(tmp_path / "lab.fs")
    run = numbers.start({"n": 1}, state=state)
    run.step()
    state.close()
    with pytest.raises(pf.StateClosed):
        run.step()
    again = pf.open_run(run.id, state=tmp_path / "lab.fs")
    assert again is not run
    assert again.step().label == "two"
    again.state.close()


def test_listing_the_runs_of_a_file_takes_no_lock(numbers, tmp_path, scripts):
    with pf.open_state(tmp_path / "lab.fs") as state:
        numbers.start({"n": 1}, state=state)
    assert len(pf.runs(state=tmp_path / "lab.fs")) == 1
    scripts.run("hold.py", 'import pforge_lab as pf; pf.open_state("lab.fs").close()')


def test_runs_are_newest_first_with_the_facts_of_each(numbers, memory):
    numbers.start({"n": 1}, state=memory, id="a").finish()
    numbers.start({"n": 2}, state=memory, id="b").step()
    frame = pf.runs(state=memory)
    assert list(frame.id) == ["b", "a"]
    assert list(frame.status) == ["paused", "done"]
    assert list(frame.steps_done) == [1, 3]
    assert frame.params[0] == {"n": "2"}
    assert "b" in repr(frame)
    assert "<table" in frame._repr_html_()


def test_two_kernels_of_a_notebook_name_it(scripts):
    held = scripts.start("one.py", START, "wait", env={"JPY_SESSION_NAME": str(scripts.folder / "lab.ipynb")})
    url = held.stdout.readline().split()[1]
    try:
        assert url.endswith("/.pforge/lab.fs")
        error = scripts.start(
            "two.py", 'import pforge_lab as pf; pf.open_state(".pforge/lab.fs")'
        ).communicate()[1]
    finally:
        held.communicate("\n")
    assert "lab.ipynb" in error.splitlines()[-1]


def test_one_damaged_file_does_not_hide_the_runs_of_the_others(scripts, here, capsys):
    (printed,) = scripts.run("good.py", START)
    (here / ".pforge" / "junk.fs").write_bytes(b"no store of ours" * 100)
    (here / ".pforge" / "begun.fs").touch()
    for _ in range(2):
        assert list(pf.runs().id) == [printed.split()[0]]
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert "left out" in said[0]
    assert "junk.fs" in said[0]
    with pytest.raises(pf.StateCorrupt, match=r"junk\.fs"):
        pf.runs(state=here / ".pforge" / "junk.fs")
