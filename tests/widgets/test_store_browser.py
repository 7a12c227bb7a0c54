"""The store browser without a browser: what it answers, and what stays when the kernel is gone."""

from __future__ import annotations

import json
import os
import pickle

import pytest

import pforge_lab as pf
from pforge_lab.views import keys
from pforge_lab.widgets.store_browser import StoreBrowser

ALL = {"prefix": "", "containing": "", "own": False, "start": 0, "count": 100}


@pytest.fixture
def state(tmp_path):
    """Return a store with a value of each kind, and a run."""
    with pf.open_state(tmp_path / "lab.fs") as opened:
        opened.set_json("settings/by", {"by": "carrier"})
        opened.set("settings/raw", b"\xff\x00\xfe")
        opened.set("note", b"hello", ttl=3600)
        opened.set("pickled", pickle.dumps([1, 2, 3]))
        opened.set("hostile", pickle.dumps(os.system))
        pf.Pipeline("p", steps=[]).start(state=opened)
        yield opened


@pytest.fixture
def browser(state):
    """Return a browser of the store."""
    made = StoreBrowser(state)
    yield made
    made.close()


def test_keys_have_size_lifetime_and_kind_and_those_of_runs_are_left_out(browser):
    """Sorted, each with what it seems to be."""
    page = browser.page(ALL)
    rows = {row["key"]: row for row in page["rows"]}
    assert list(rows) == ["hostile", "note", "pickled", "settings/by", "settings/raw"]
    assert [row["kind"] for row in rows.values()] == ["pickle", "text", "pickle", "JSON", "bytes"]
    assert rows["note"]["ttl"] != "—" == rows["pickled"]["ttl"]
    assert browser.page(ALL | {"own": True})["total"] > page["total"]


def test_keys_are_found_by_how_they_begin_and_what_they_contain(browser):
    """Both at once, too."""
    assert browser.page(ALL | {"prefix": "settings/"})["total"] == 2
    assert [row["key"] for row in browser.page(ALL | {"containing": "ote"})["rows"]] == ["note"]
    assert browser.page(ALL | {"prefix": "settings/", "containing": "raw"})["total"] == 1


def test_an_answer_is_bounded_however_many_keys_there_are():
    """Scrolling asks for what shows; one answer has at most 500 rows."""
    state = pf.open_state("memory:many")
    state.set_many({f"k{number:06}": b"x" for number in range(20_000)})
    browser = StoreBrowser(state)
    page = browser.page(ALL | {"count": 10**6})
    assert (page["total"], len(page["rows"])) == (20_000, 500)
    assert len(json.dumps(page)) < 100_000
    later = browser.page(ALL | {"start": 19_990})
    assert [row["key"] for row in later["rows"]][-1] == "k019999"
    browser.close()
    state.close()


def test_a_value_is_shown_as_what_it_is(browser):
    """JSON as a tree, a pickle as the list it holds."""
    assert "carrier" in browser.value({"key": "settings/by"})
    assert "3 items" in browser.value({"key": "pickled"})


def test_a_hostile_pickle_is_told_of_and_not_built(browser):
    """The safe unpickler names what was met."""
    assert "posix.system, which is not on the safe list" in browser.value({"key": "hostile"})


def test_what_was_deleted_can_be_put_back_with_what_was_left_of_its_lifetime(browser, state):
    """Undo after delete; nothing else is undone."""
    browser.delete({"key": "note"})
    assert state.get("note") is None
    browser.undo({})
    assert state.get("note") == b"hello"
    assert 3500 < state.ttl("note") <= 3600
    with pytest.raises(pf.UsageError, match="nothing was deleted here"):
        browser.undo({})


def test_undo_never_overwrites_what_was_written_since(browser, state):
    """It says so, and keeps what was deleted."""
    browser.delete({"key": "note"})
    state.set("note", b"new")
    with pytest.raises(pf.UsageError, match="written again meanwhile"):
        browser.undo({})
    assert state.get("note") == b"new"
    state.delete("note")
    assert browser.undo({}) == "note is back."


def test_a_store_opened_for_reading_is_looked_at_only(state, tmp_path):
    """The view knows, and the store refuses."""
    state.close()
    with pf.open_state(tmp_path / "lab.fs", mode="r") as reader:
        browser = StoreBrowser(reader)
        assert browser.readonly
        with pytest.raises(pf.StateReadOnly):
            browser.delete({"key": "note"})
        browser.close()


def test_both_forms_stay_and_tell_the_same(browser, state):
    """HTML and text for where there is no kernel."""
    bundle, _ = browser._repr_mimebundle_()
    for fact in (state.url, "settings/by", "JSON", "hostile"):
        assert fact in bundle["text/plain"]
        assert fact in bundle["text/html"]
    assert keys.store_text(state) == bundle["text/plain"]


def test_compact_says_what_it_came_to(browser):
    """File bytes before and after."""
    assert browser.compact({}).startswith("Compacted: ")


def test_a_value_that_is_nested_too_deeply_breaks_nothing(browser, state):
    """It is shown as the text it is."""
    state.set("deep", b"[" * 30_000 + b"]" * 30_000)
    rows = {row["key"]: row["kind"] for row in browser.page(ALL)["rows"]}
    assert rows["deep"] == "text"
    assert "[[[" in browser.value({"key": "deep"})
    assert "deep" in browser._repr_mimebundle_()[0]["text/plain"]


def test_what_never_expired_does_not_expire_when_it_is_put_back(tmp_path):
    """Whatever lifetime the store gives to what is written."""
    with pf.open_state(tmp_path / "brief.fs", ttl=60) as state:
        state.set("kept", b"x", ttl=float("inf"))
        browser = StoreBrowser(state)
        browser.delete({"key": "kept"})
        browser.undo({})
        assert state.ttl("kept") is None
        browser.close()


def test_what_is_written_while_it_is_deleted_is_not_lost(browser, state, monkeypatch):
    """Between reading and deleting somebody writes: the new value stays."""
    monkeypatch.setattr(browser.state, "ttl", lambda key: state.set(key, b"newer"))
    with pytest.raises(pf.UsageError, match="written meanwhile"):
        browser.delete({"key": "note"})
    assert state.get("note") == b"newer"


def test_figures_of_a_store_are_a_table_in_a_notebook(state):
    """What `state.stats()` and `%pforge state stats` return shows as the browser shows it."""
    shown = state.stats()._repr_html_()
    assert shown == keys.stats_html(state.stats())
    assert "Largest values" in shown
