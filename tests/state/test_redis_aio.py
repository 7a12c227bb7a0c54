"""Redis awaited: on its own asyncio client, without threads, and gone with the event loop."""

from __future__ import annotations

import asyncio
import threading
from itertools import cycle

import pytest

from pforge_lab.errors import StateError, WrongValue
from pforge_lab.state import open_state


@pytest.fixture
def state(redis_url, tmp_path):
    with open_state(redis_url, namespace=f"{tmp_path}:") as state:
        yield state


@pytest.fixture
def small_pool(redis_url, tmp_path):
    """Return a store that would soon be at a loss if a cancelled task kept its connection."""
    with open_state(redis_url, namespace=f"{tmp_path}:small:", pool_size=2) as state:
        yield state


def test_no_thread_is_started(state):
    async def main():
        await state.aio.set("k", b"v")
        assert await state.aio.get("k") == b"v"
        assert await state.aio.increment("n") == 1
        assert (await state.aio.stats()).largest == (("k", 1), ("n", 1))
        assert await state.aio.cleanup() == 0
        await state.aio.compact()
        assert await state.aio.compare_and_set("k", b"v", None)

    before = threading.active_count()
    asyncio.run(main())
    assert threading.active_count() == before


def test_connections_end_with_the_event_loop(state):
    async def main():
        await asyncio.gather(*(state.aio.get("k") for _ in range(5)))
        return len(state._server.client_list())

    during = asyncio.run(main())
    assert during > len(state._server.client_list())


def test_one_store_serves_several_event_loops(state):
    asyncio.run(state.aio.set("k", b"1"))
    assert asyncio.run(state.aio.get("k")) == b"1"


def test_a_cancelled_read_leaves_no_answer_for_the_next_one(state):
    state.set("a", b"a" * 1_000_000)
    state.set("b", b"b")

    async def main():
        for _ in range(20):
            reads = [asyncio.ensure_future(state.aio.get("a")) for _ in range(4)]
            await asyncio.sleep(0)
            for read in reads:
                read.cancel()
            await asyncio.gather(*reads, return_exceptions=True)
            assert await state.aio.get("b") == b"b"

    asyncio.run(main())


async def cancel_later_and_later(write, check):
    """Cancel after one turn of the event loop, after two, until it ends by itself; return how often it began."""
    started, ended = 0, False
    while not ended:
        task = asyncio.ensure_future(write())
        for _ in range(started):
            await asyncio.sleep(0)
        ended = task.done()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await check()
        started += 1
    return started


@pytest.mark.parametrize("size", [1, 600_000])
def test_a_write_cancelled_at_any_moment_is_stored_whole_or_not_at_all(small_pool, size):
    """Neither is an answer of it left for the next command, nor a connection lost."""
    aio = small_pool.aio
    written = [b"%d" % number * size for number in range(10)]
    values = cycle(written)

    async def write():
        value = next(values)
        await aio.set_many({"a": value, "b": value})

    async def check():
        seen = await aio.get_many(["a", "b", "other"])
        assert seen["a"] == seen["b"]
        assert seen["a"] in written
        assert seen["other"] == b"other"

    async def main():
        await aio.set("other", b"other")
        await write()
        return await cancel_later_and_later(write, check)

    assert asyncio.run(main()) > 3


def test_a_cancelled_increment_counts_once_or_not_at_all(small_pool):
    aio = small_pool.aio
    small_pool.set("other", b"other")

    async def check():
        assert await aio.get("other") == b"other"

    async def main():
        return await cancel_later_and_later(lambda: aio.increment("n"), check)

    started = asyncio.run(main())
    assert 1 <= int(small_pool.get("n")) <= started


def test_what_is_no_number_is_told(state):
    state.set("t", b"text")
    with pytest.raises(StateError, match="'t' holds b'text', which is no number"):
        asyncio.run(state.aio.increment("t"))


def test_a_sum_beyond_64_bits_is_told(state):
    state.set("n", b"%d" % (2**63 - 1))
    with pytest.raises(WrongValue, match="does not fit into 64 bits"):
        asyncio.run(state.aio.increment("n"))


def test_a_server_that_is_gone_is_told(state):
    state.aio._address = "unix:///nowhere/socket"
    with pytest.raises(StateError, match="cannot be used.*check that the server runs"):
        asyncio.run(state.aio.get("k"))
