"""The shelf is shelve: CPython's own tests, and what they leave out."""

from __future__ import annotations

import pickle
import shelve
import unittest

import pytest

from pforge_lab.errors import StateError, StateReadOnly, WrongValue
from pforge_lab.state import open_state, shelf as shelves

suite = pytest.importorskip("test.test_shelve", reason="this Python comes without its own tests")


@pytest.fixture
def path(tmp_path):
    """Return where the shelf of this test is."""
    return tmp_path / "shelf"


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_cpython_s_own_tests_of_shelve_pass(tmp_path, monkeypatch):
    """Run test.test_shelve, which reaches shelve through these two names only, with ours in their place."""
    opened = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        shelve, "open", lambda *args, **options: opened.append(1) or shelves.open(*args, **options)
    )
    monkeypatch.setattr(shelve, "Shelf", shelves.StateShelf)
    cases = {
        name: case
        for name, case in vars(suite).items()
        if isinstance(case, type) and issubclass(case, unittest.TestCase)
    }
    for case in cases.values():
        if hasattr(case, "type2test"):
            monkeypatch.setattr(case, "type2test", shelves.StateShelf)
    tests = unittest.TestSuite(
        unittest.defaultTestLoader.loadTestsFromTestCase(case) for case in cases.values()
    )
    result = unittest.TestResult()
    tests.run(result)
    assert [text for _, text in result.errors + result.failures] == []
    assert result.testsRun >= 182
    assert len(opened) > 100


def test_cpython_s_mapping_tests_pass_on_every_store(backend, monkeypatch):
    from test import mapping_tests

    stores = []

    class Case(mapping_tests.BasicTestMappingProtocol):
        def _reference(self):
            return {"key1": "value1", "key2": 2, "key3": (1, 2, 3)}

        def _empty_mapping(self):
            prefix = f"{len(stores)}/"
            stores.append(prefix)
            return state.shelf(prefix)

    state = backend.open()
    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(Case).run(result)
    assert [text for _, text in result.errors + result.failures] == []
    assert result.testsRun >= 14


def test_what_is_stored_is_there_after_reopening(path):
    with shelves.open(path) as shelf:
        shelf["a"] = [1, {"b": (2, 3)}]
        shelf["é☃"] = None
        shelf["gone"] = 1
        del shelf["gone"]
    with shelves.open(path) as shelf:
        assert dict(shelf) == {"a": [1, {"b": (2, 3)}], "é☃": None}
        with pytest.raises(KeyError, match="gone"):
            shelf["gone"]


def test_a_changed_copy_is_not_kept_without_writeback(path):
    with shelves.open(path) as shelf:
        shelf["a"] = [1]
        shelf["a"].append(2)
        assert shelf["a"] == [1]


def test_writeback_keeps_what_was_changed_in_place(path):
    with shelves.open(path, writeback=True) as shelf:
        shelf["a"] = [1]
        shelf["a"].append(2)
        shelf.sync()
        shelf["a"].append(3)
    with shelves.open(path) as shelf:
        assert shelf["a"] == [1, 2, 3]


def test_sync_stores_all_or_nothing(path):
    with shelves.open(path, writeback=True) as shelf:
        shelf["a"] = [1]
        shelf["b"] = [1]
        shelf.sync()
        shelf["a"].append(2)
        shelf["b"].append(lambda: None)
        with pytest.raises((pickle.PicklingError, AttributeError)):
            shelf.sync()
        del shelf.cache["b"]
        shelf.cache.clear()
        assert shelf["a"] == [1]


def test_update_stores_all_or_nothing(path):
    with shelves.open(path) as shelf:
        with pytest.raises((pickle.PicklingError, AttributeError)):
            shelf.update({"a": 1, "b": lambda: None})
        assert list(shelf) == []
        shelf.update([("a", 1)], b=2)
        assert dict(shelf) == {"a": 1, "b": 2}


@pytest.mark.parametrize("flag", ["r", "w"])
def test_flags_that_need_a_file_say_that_there_is_none(path, flag):
    with pytest.raises(StateError, match="does not exist; create it with flag='c'"):
        shelves.open(path, flag)
    assert not path.exists()


def test_flag_n_begins_empty_and_c_keeps(path):
    with shelves.open(path) as shelf:
        shelf["a"] = 1
    with shelves.open(path, "c") as shelf:
        assert shelf["a"] == 1
    with shelves.open(path, "n") as shelf:
        assert len(shelf) == 0


def test_flag_r_reads_only(path):
    with shelves.open(path) as shelf:
        shelf["a"] = 1
    with shelves.open(path, "r") as shelf:
        assert shelf["a"] == 1
        with pytest.raises(StateReadOnly):
            shelf["a"] = 2


def test_a_flag_that_is_none_is_refused(path):
    with pytest.raises(WrongValue, match="flag is"):
        shelves.open(path, "x")


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_every_protocol_of_pickle_is_kept(path, protocol):
    value = {"p": protocol, "b": b"\0\xff", "t": (1, None)}
    with shelves.open(path, "n", protocol=protocol) as shelf:
        shelf["x"] = value
    with open_state(f"zodb:{path}") as state:
        stored = state.get("x")
        assert stored == pickle.dumps(value, protocol)
    with shelves.open(path) as shelf:
        assert shelf["x"] == value


def test_after_close_a_shelf_says_so(path):
    shelf = shelves.open(path)
    shelf.close()
    shelf.close()
    for call in (
        lambda: len(shelf),
        lambda: shelf["a"],
        lambda: shelf.__setitem__("a", 1),
        lambda: list(shelf),
    ):
        with pytest.raises(ValueError, match="closed shelf"):
            call()


def test_shelves_of_one_store_share_it_and_do_not_mix(state):
    state.set("other", b"1")
    with state.shelf("a/") as first, state.shelf("b/") as second:
        first["k"] = 1
        second["k"] = 2
        assert (dict(first), dict(second)) == ({"k": 1}, {"k": 2})
    assert state.keys() == ["a/k", "b/k", "other"]
    assert not state.closed


def test_an_old_shelf_is_imported_without_unpickling(tmp_path, state):
    class Trap:
        def __reduce__(self):
            return (pytest.fail, ("unpickled",))

    import dbm.dumb

    with shelve.Shelf(dbm.dumb.open(str(tmp_path / "old"), "c")) as old:
        old.update({f"k{number}": number for number in range(10)})
        old["trap"] = Trap()
    assert shelves.import_shelf(tmp_path / "old", state, "old/") == 11
    shelf = state.shelf("old/")
    assert {key: shelf[key] for key in shelf if key != "trap"} == {
        f"k{number}": number for number in range(10)
    }
    shelf.close()


def test_what_is_no_shelf_is_not_imported(tmp_path, state):
    with pytest.raises(StateError, match="is no shelf that can be read here"):
        shelves.import_shelf(tmp_path / "missing", state)
