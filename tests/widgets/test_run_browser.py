"""The run browser without a browser: what it lists and does, and what stays when the kernel is gone."""

from __future__ import annotations

import json
import threading

import pytest

import pforge_lab as pf
from pforge_lab.runs.footprint import stored_bytes
from pforge_lab.widgets.comparison import RunComparison
from pforge_lab.widgets.run_browser import RunBrowser
from pforge_lab.widgets.stepper import Stepper

ALL = {"containing": "", "status": "", "start": 0, "count": 100}


@pytest.fixture
def browser(state):
    """Return a browser of the store."""
    made = RunBrowser(state)
    yield made
    made.close()


def key(browser, run):
    """Return the key by which the page names a run."""
    return next(row["key"] for row in browser.page(ALL)["rows"] if row["id"] == run.id)


def test_runs_are_listed_newest_first_with_status_progress_and_cost(browser, done, failed):
    """What the table of runs tells, a row each."""
    page = browser.page(ALL)
    assert [row["id"] for row in page["rows"]] == [failed.id, done.id]
    assert [row["status"] for row in page["rows"]] == ["failed", "done"]
    assert [row["steps"] for row in page["rows"]] == ["1 of 2 steps", "2 of 2 steps"]
    assert page["statuses"] == {"failed": 1, "done": 1}


def test_a_list_with_errors_and_without_is_shown(done, failed, state):
    """A run that is done has no error beside one that failed."""
    frame = pf.runs(state)
    assert [row.error for row in frame.summaries()] == ["ValueError: too many numbers", None]
    assert "too many numbers" in repr(frame)
    assert frame[frame["status"] == "done"].summaries()[0].error is None


def test_runs_are_found_by_status_and_by_what_they_contain(browser, done, failed):
    """Ids, pipelines, parameters and errors, whatever the case; both at once, too."""
    for query, expected in (
        ({"status": "done"}, [done.id]),
        ({"status": "unfinished"}, [failed.id]),
        ({"containing": "TOO MANY"}, [failed.id]),
        ({"containing": "n = 3"}, [done.id]),
        ({"containing": "adding", "status": "ready"}, []),
    ):
        assert [row["id"] for row in browser.page(ALL | query)["rows"]] == expected


def test_an_answer_is_bounded_however_many_runs_there_are():
    """Scrolling asks for what shows; one answer has at most 500 rows."""
    state = pf.open_state("memory:many-runs")
    empty = pf.Pipeline("p", steps=[])
    for place in range(600):
        empty.start(state=state, id=f"r{place}")
    browser = RunBrowser(state)
    page = browser.page(ALL | {"count": 10**6})
    assert (page["total"], len(page["rows"])) == (600, 500)
    assert len(json.dumps(page)) < 200_000
    browser.close()
    state.close()


def test_sizes_are_what_runs_take_in_the_store_until_they_move(browser, done, state):
    """Measured once for as long as a run stays as it is."""
    asked = {"keys": [key(browser, done)]}
    (first,) = browser.sizes(asked).values()
    assert browser.page(ALL)["rows"][0]["stored"] == first
    assert first.split()[0] == f"{stored_bytes(state, done.id) / 1000:.2f}"
    done.set(numbers=bytes(range(256)) * 4000)
    assert browser.page(ALL)["rows"][0]["stored"] == ""
    assert browser.sizes(asked) != {asked["keys"][0]: first}


def test_a_chosen_run_is_shown_and_nothing_of_it_executed(browser, failed):
    """Its table of steps, from the store."""
    shown = browser.look({"key": key(browser, failed)})
    assert "too many numbers" in shown
    assert "numbers" in shown


def test_a_run_is_opened_in_a_stepper_and_told_of(state, failed):
    """Whoever made the browser gets the run."""
    opened = []
    browser = RunBrowser(state, opened=opened.append)
    told = browser.step_through({"key": key(browser, failed)})
    assert isinstance(browser.stage, Stepper)
    assert browser.stage.run is failed
    assert opened == [failed]
    assert told == f"{failed.id} is open below."
    browser.leave({})
    assert browser.stage is None
    browser.close()


def test_a_run_is_resumed_beside_the_kernel_and_the_list_follows(browser, pipeline, state):
    """The steps that are left are executed in the stepper's thread; the list is told when it stands."""
    run = pipeline.start({"n": 2}, state=state)
    stands = threading.Event()
    browser.observe(lambda _: run.status == "done" and not browser.stage.busy and stands.set(), "moved")
    assert browser.resume({"key": key(browser, run)}) == f"{run.id} goes on from numbers; Stop ends it."
    assert stands.wait(30)
    assert browser.page(ALL)["rows"][0]["status"] == "done"


def test_a_run_with_nothing_left_is_opened_and_that_is_said(browser, done):
    """No step is executed twice by mistake."""
    assert "no step left" in browser.resume({"key": key(browser, done)})
    assert done.position == 2


def test_a_fork_stands_where_its_run_stands(browser, failed):
    """It is a run of its own, open below the list."""
    answer = browser.fork({"key": key(browser, failed)})
    fork = browser.stage.run
    assert fork.id != failed.id
    assert fork.position == failed.position == 1
    assert answer["key"] == key(browser, fork)
    assert answer["told"] == f"{fork.id} is a fork of {failed.id} at position 1."


def test_a_deleted_run_is_gone_and_told_of(state, done, failed):
    """What showed it is closed; the other runs stay."""
    deleted = []
    browser = RunBrowser(state, deleted=deleted.append)
    asked = {"key": key(browser, failed)}
    browser.step_through(asked)
    assert browser.delete(asked).startswith(f"Deleted {failed.id}: removed")
    assert browser.stage is None
    assert deleted == [failed.id]
    assert [row["id"] for row in browser.page(ALL)["rows"]] == [done.id]
    with pytest.raises(pf.RunNotFound, match="refresh the list"):
        browser.look(asked)
    browser.close()


def test_two_runs_are_compared_below_the_list(browser, done, failed):
    """In the order they were chosen."""
    browser.compare({"keys": [key(browser, done), key(browser, failed)]})
    assert isinstance(browser.stage, RunComparison)
    assert [run.id for run in browser.stage.runs] == [done.id, failed.id]


def test_the_runs_of_all_files_are_browsed_without_locking_them(tmp_path, monkeypatch, pipeline):
    """`pf.runs().ui()` looks into the files of .pforge/."""
    monkeypatch.chdir(tmp_path)
    run = pipeline.start({"n": 3})
    run.state.close()
    browser = pf.runs().ui()
    assert browser.place == "all files of .pforge/"
    assert run.id in browser.look({"key": key(browser, run)})
    with pf.open_state(tmp_path / run.state.url) as again:
        assert again.mode == "w"
    browser.close()


def test_rows_of_the_page_say_what_the_table_says(browser, done, failed):
    """HTML and text are the same table, and each row of the page is in it."""
    bundle, _ = browser._repr_mimebundle_()
    for row in browser.page(ALL)["rows"]:
        facts = [row["id"], row["pipeline"], row["status"], row["steps"].removesuffix(" steps")]
        for fact in (*facts, row["time"], row["stored"], row["updated"]):
            assert fact in bundle["text/plain"]
            assert fact in bundle["text/html"]


def test_a_password_in_a_store_is_not_shown():
    """The URL of a store may carry one."""
    made = RunBrowser("redis://ann:secret@127.0.0.1:1/0")
    assert made.place == "redis://ann:***@127.0.0.1:1/0"
    made.close()
