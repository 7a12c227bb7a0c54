"""Leaves of a tree are written byte for byte as ZODB itself writes them."""

from __future__ import annotations

import pytest
from BTrees.OOBTree import OOBucket
from hypothesis import given, strategies as st
from ZODB.DB import DB
from ZODB.serialize import ObjectWriter

from pforge_lab.state.zodb.layout import KeyTree, Value, entry_of
from pforge_lab.state.zodb.lean import LeanWriter
from pforge_lab.state.zodb.leaves import LeafPickler
from pforge_lab.state.zodb.values import record_of, state_in


@pytest.fixture
def jar():
    """Return a connection to a database in memory."""
    database = DB(None)
    connection = database.open()
    yield connection
    connection.transaction_manager.abort()
    connection.close()
    database.close()


def leaves(tree):
    """Return the leaves of a tree in their order."""
    found = []
    leaf = tree._firstbucket
    while leaf is not None:
        found.append(leaf)
        leaf = leaf._next
    return found


def stored(jar, entries):
    """Return the leaves of a tree with these entries, once it is stored."""
    jar.root()["tree"] = tree = KeyTree(entries)
    jar.transaction_manager.commit()
    return leaves(tree)


@given(st.dictionaries(st.text(max_size=20), st.binary(max_size=600), max_size=60))
def test_every_leaf_is_the_same_bytes(values):
    database = DB(None)
    connection = database.open()
    found = stored(connection, {key: entry_of(value, None) for key, value in values.items()})
    pickler = LeafPickler()
    for leaf in found:
        if leaf._p_oid is None:
            continue  # the only one: it lies in the record of the tree
        record = pickler.dump(leaf)
        assert record is None or record == ObjectWriter(leaf).serialize(leaf)
    connection.close()
    database.close()


def test_leaves_of_small_values_do_not_take_the_slow_way(jar):
    found = stored(jar, {f"k{number:03}": entry_of(b"v%d" % number, 12.5 if number % 2 else None) for number in range(100)})  # fmt: skip
    assert len(found) > 5
    assert all(LeafPickler().dump(leaf) for leaf in found)


def test_a_leaf_with_a_value_of_its_own_record_takes_the_slow_way(jar):
    found = stored(jar, {f"k{number:03}": entry_of(b"v" * 100 * number, None) for number in range(100)})
    assert LeafPickler().dump(found[-1]) is None
    assert LeanWriter(ObjectWriter(found[-1]), LeafPickler()).serialize(found[-1])


def test_a_leaf_before_a_new_one_takes_the_slow_way_which_finds_the_new_one(jar):
    (first, *_) = stored(jar, {f"k{number:03}": b"\0v" for number in range(30)})
    for number in range(30):
        jar.root()["tree"][f"k000-{number:03}"] = b"\0v"  # splits the first leaf
    assert first._next._p_oid is None
    assert LeafPickler().dump(first) is None
    jar.transaction_manager.commit()
    assert LeafPickler().dump(first) == ObjectWriter(first).serialize(first)


def test_an_emptied_leaf_is_the_same_bytes(jar):
    (*_, last) = stored(jar, {f"k{number:03}": b"\0v" for number in range(30)})
    empty = OOBucket()
    jar.add(empty)
    for leaf in (empty, last):
        record = LeafPickler().dump(leaf)
        assert record is None or record == ObjectWriter(leaf).serialize(leaf)


@given(st.integers(0, 70_000))
def test_every_value_is_the_same_bytes_and_comes_back(size):
    """A value's record is what ZODB's own pickler makes of it, and is read back without one."""
    value = Value(bytes(size))
    record = record_of(value)
    database = DB(None)
    connection = database.open()
    connection.add(value)
    assert record is None or record == ObjectWriter(value).serialize(value)
    connection.transaction_manager.abort()
    database.close()
    assert (record is None) == (size < 256)
    assert record is None or state_in(record) == value.data


def test_what_only_looks_like_a_value_is_left_to_the_unpickler():
    """A record that is cut, or goes on behind the value, is not taken for one."""
    record = record_of(Value(bytes(1000)))
    assert state_in(record[:-1]) is state_in(record + b"x") is state_in(b"") is None
