"""Leaves of a tree are written byte for byte as ZODB itself writes them, and nodes to the same effect."""

from __future__ import annotations

import io

import pytest
from BTrees.OOBTree import OOBucket
from hypothesis import example, given, strategies as st
from ZODB.DB import DB
from ZODB.serialize import ObjectWriter
from zodbpickle import pickle

from pforge_lab.state.zodb.layout import KeyTree, Value, entry_of
from pforge_lab.state.zodb.leaves import TreePickler
from pforge_lab.state.zodb.values import Record, record_of, state_in


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


def nodes(tree):
    """Return a tree and all nodes below it."""
    state = tree.__getstate__()
    below = [child for child in state[0][::2] if type(child) is KeyTree] if state and len(state) > 1 else []
    return [tree, *(node for child in below for node in nodes(child))]


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
    for leaf in found:
        if leaf._p_oid is not None:  # else it is the only one and lies in the record of the tree
            assert_same(leaf)
    connection.close()
    database.close()


def read(record):
    """Return the class and the state that are in a record, and what it refers to."""
    unpickler = pickle.Unpickler(io.BytesIO(record))
    unpickler.persistent_load = repr
    return unpickler.load(), unpickler.load()


@pytest.mark.parametrize("count", [0, 1, 12, 13, 100, 2000])
def test_every_node_reads_the_same(jar, count):
    """Of a tree of any height; one that is a single leaf is left to ZODB."""
    stored(jar, {f"k{number:04}": b"\0v" for number in range(count)})
    tree = jar.root()["tree"]
    found = nodes(tree)
    assert len(found) > 1 or count < 2000
    for node in found:
        record = TreePickler().dump(node, ObjectWriter(node).persistent_id)
        assert (record is not None) == (count > 12)
        assert record is None or read(record) == read(ObjectWriter(node).serialize(node))


def test_what_a_split_has_made_is_stored_with_the_node(jar):
    """A node that leads to new ones refers to them, and they are stored."""
    stored(jar, {f"k{number:04}": b"\0v" for number in range(500)})
    tree = jar.root()["tree"]
    for number in range(200):
        tree[f"k0000-{number:03}"] = b"\0v"
    writer = ObjectWriter(tree)
    assert TreePickler().dump(tree, writer.persistent_id)
    assert [child for child in tree.__getstate__()[0][::2] if child._p_oid is None] == []
    assert len(list(writer)) > 1


def assert_same(leaf):
    """Check that a leaf is written as ZODB writes it, and that the same objects are found to be stored with it."""
    ours, theirs = ObjectWriter(leaf), ObjectWriter(leaf)
    record = TreePickler().dump(leaf, ours.persistent_id)
    assert record is None or record == theirs.serialize(leaf)
    new = [stored._p_oid for stored in theirs]
    assert record is None or [stored._p_oid for stored in ours] == new
    return record


def test_a_leaf_with_large_values_is_the_same_bytes(jar):
    """Values in records of their own are referred to as ZODB refers to them."""
    found = stored(jar, {f"k{number:03}": entry_of(b"v" * 100 * number, None) for number in range(100)})
    assert all(map(assert_same, found))


def test_new_values_are_stored_with_their_leaf(jar):
    """A value that is not in the database yet gets an id as its leaf is pickled, and is stored."""
    (first, *_) = stored(jar, {f"k{number:03}": b"\0v" for number in range(30)})
    _, held = first["k000"] = entry_of(bytes(1000), None)
    writer = ObjectWriter(first)
    assert TreePickler().dump(first, writer.persistent_id)
    assert held._p_oid
    assert held in list(writer)


def test_a_new_leaf_is_stored_with_the_one_before(jar):
    """A leaf that was split refers to the new one, which is stored."""
    (first, *_) = stored(jar, {f"k{number:03}": b"\0v" for number in range(30)})
    for number in range(30):
        jar.root()["tree"][f"k000-{number:03}"] = b"\0v"  # splits the first leaf
    assert first._next._p_oid is None
    writer = ObjectWriter(first)
    assert TreePickler().dump(first, writer.persistent_id)
    assert first._next._p_oid
    assert first._next in list(writer)


def test_an_emptied_leaf_is_the_same_bytes(jar):
    """A leaf without keys is left to ZODB, or written as ZODB does."""
    (*_, last) = stored(jar, {f"k{number:03}": b"\0v" for number in range(30)})
    empty = OOBucket()
    jar.add(empty)
    for leaf in (empty, last):
        assert_same(leaf)


@given(st.integers(0, 70_000))
def test_every_value_is_the_same_bytes_and_comes_back(size):
    """A value's record is what ZODB's own pickler makes of it, and is read back without one."""
    value = Value(bytes(size))
    record = record_of(value)
    database = DB(None)
    connection = database.open()
    connection.add(value)
    assert record is None or bytes(record) == ObjectWriter(value).serialize(value)
    assert record is None or len(record) == len(bytes(record))
    connection.transaction_manager.abort()
    database.close()
    assert (record is None) == (size < 256)
    assert record is None or state_in(bytes(record)) == value.data


def test_what_only_looks_like_a_value_is_left_to_the_unpickler():
    """A record that is cut, or goes on behind the value, is not taken for one."""
    record = bytes(record_of(Value(bytes(1000))))
    cut = [record[:length] for length in (0, 20, len(record) - 1002, len(record) - 1005, len(record) - 1)]
    assert [state_in(each) for each in [*cut, record + b"x"]] == [None] * 6


@given(
    st.binary(max_size=300)
    | st.integers(0, 70_000).map(lambda size: bytes(record_of(Value(bytes(size + 256)))))
)
@example(b"")
@example(bytes(record_of(Value(bytes(300))))[:-1])
def test_what_is_read_in_pieces_is_what_is_there(content):
    """A record is read without a change, in pieces only where it is that of a value."""
    read = Record.read(io.BytesIO(content + b"what follows"), len(content))
    assert bytes(read) == content
    assert isinstance(read, Record) == (state_in(content) is not None)
