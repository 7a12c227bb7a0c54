"""The servers that examples in docstrings open: ``redis_url`` and its like, started for those that name them."""

from __future__ import annotations

import pytest

from tests.state.servers import servers


@pytest.fixture(autouse=True)
def _servers_of_examples(request, doctest_namespace):
    examples = getattr(getattr(request.node, "dtest", None), "examples", ())
    for server, start in servers.items():
        name = f"{server}_url"
        if any(name in example.source for example in examples):
            doctest_namespace[name] = start()
