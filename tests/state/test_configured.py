"""The ``state:`` section of a pipeline file, opened."""

from __future__ import annotations

import pytest

from pforge_lab.errors import UsageError
from pforge_lab.state import MemoryStateManager, open_configured, open_state


@pytest.mark.parametrize("backend", ["sled", "zodb"])
def test_sled_and_zodb_mean_a_zodb_file_beside_the_pipeline(tmp_path, backend):
    with (
        open_configured(
            backend, folder=tmp_path, path="lab.db", cache_size=1000, ttl_seconds=60, url=None
        ) as state,
        open_state(f"zodb:{tmp_path / 'lab.db'}") as same,
    ):
        assert same is state
        state.set("k", b"v")
        assert state.ttl("k") <= 60


def test_memory_takes_a_limit(tmp_path):
    with open_configured("memory", folder=tmp_path, max_size=10) as state:
        assert isinstance(state, MemoryStateManager)
        assert state.max_bytes == 10


@pytest.mark.parametrize(
    ("backend", "settings", "words"),
    [
        ("zodb", {}, "needs 'path'"),
        ("redis", {"path": "x"}, "needs 'url'"),
        ("memory", {"pool_size": 3}, "'pool_size' is no setting of backend 'memory'"),
        ("zodbb", {"path": "x"}, "did you mean 'zodb'"),
    ],
)
def test_settings_that_do_not_fit_are_named(backend, settings, words):
    with pytest.raises(UsageError, match=words):
        open_configured(backend, **settings)
