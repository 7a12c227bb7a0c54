"""An attempt that another process's commit made void leaves nothing behind in the next one."""

from __future__ import annotations

import pytest

from pforge_lab.state.zodb.relational import SQLiteStateManager

KEYS = [f"{number:04}" for number in range(200)]


@pytest.fixture
def pair(tmp_path):
    """Return two stores in one folder, as two processes have them."""
    url = f"sqlite:{tmp_path / 'lab.db'}"
    with SQLiteStateManager(url) as one, SQLiteStateManager(url) as other:
        one.set_many(dict.fromkeys(KEYS, b"old"))
        yield one, other


def test_an_abandoned_attempt_is_not_stored_with_the_one_after_it(pair):
    """The first attempt fails as the tree has grown meanwhile; the second changes another key."""
    one, other = pair
    attempts = []

    def work(transaction):
        attempts.append(len(attempts))
        if len(attempts) == 1:
            transaction.put(KEYS[0], b"abandoned", None)
            other.set_many({f"{KEYS[100]}/{number:03}": b"new" for number in range(100)})
        else:
            transaction.put(KEYS[-1], b"stored", None)

    one._transact(work)
    assert len(attempts) > 1
    found = [(store.get(KEYS[0]), store.get(KEYS[-1])) for store in (one, other)]
    assert found == [(b"old", b"stored")] * 2
