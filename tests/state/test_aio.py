"""The awaitable store: the same promises, many tasks, cancelled ones too."""

from __future__ import annotations

import asyncio

import pytest

from pforge_lab.errors import StateClosed, StateConflict, WrongType
from tests.state.lifetime import Lifetime, Span


def test_every_method_has_its_awaitable_twin(state):
    public = {name for name in dir(type(state)) if not name.startswith("_")}
    twins = {name for name in dir(type(state.aio)) if not name.startswith("_")}
    sync_only = {
        "aio",
        "shelf",
        "hold",
        "closed",
        "open",
        "canonical_url",
        "path",
        "max_value_bytes",
        "check_guard",
        "check_open",
        "check_writable",
        "storing",
        "namespace",
        "cache_stats",
        "ui",  # a view
        "store",  # what needs no check, for runs
        "owe",  # of a store in memory, for runs
        "settle",
    }
    assert public - sync_only <= twins


def test_every_method_does_the_same(state, clock):
    async def main():
        aio = state.aio
        assert aio is state.aio
        with Lifetime(clock, 1000) as life:
            await aio.set("a", b"1", ttl=1000)
        await aio.set_many({"b": b"2", "c": b"3"})
        assert await aio.get("a") == b"1"
        assert bytes(await aio.get_buffer("b")) == b"2"
        assert await aio.get_many(iter(["a", "b", "x"])) == {"a": b"1", "b": b"2"}
        assert await aio.keys() == ["a", "b", "c"]
        assert await aio.exists("a")
        with Span(clock) as look:
            left = await aio.ttl("a")
        life.assert_seen(left, look)
        assert await aio.expire("a", None)
        assert await aio.delete("c")
        assert await aio.compare_and_set("b", b"2", b"3")
        assert await aio.increment("n", 5) == 5
        await aio.set_json("j", [1])
        assert await aio.get_json("j") == [1]
        assert (await aio.stats()).keys == 4
        assert await aio.cleanup() == 0
        await aio.compact()
        async with aio.batch(guard={"a": b"1"}) as batch:
            batch.set("d", b"4")
        with pytest.raises(StateConflict):
            async with aio.batch(guard={"a": None}) as batch:
                batch.set("e", b"5")
        assert await aio.keys() == ["a", "b", "d", "j", "n"]
        with pytest.raises(WrongType):
            await aio.set("a", "text")

    asyncio.run(main())


def test_many_tasks_at_once_add_up(state, heavy):
    async def main():
        await asyncio.gather(*(state.aio.increment("n") for _ in range(heavy(2000))))

    asyncio.run(main())
    assert state.get("n") == b"%d" % heavy(2000)


def test_a_value_is_computed_once_for_many_tasks(state):
    calls = []

    async def compute():
        calls.append(1)
        await asyncio.sleep(0)
        return b"v"

    async def main():
        return await asyncio.gather(*(state.aio.get_or_compute("k", compute) for _ in range(50)))

    assert asyncio.run(main()) == [b"v"] * 50
    assert len(calls) == 1
    assert not state.aio._computing


def test_a_cancelled_task_leaves_the_store_whole_and_usable(state):
    async def main():
        started = asyncio.Event()

        async def compute():
            started.set()
            await asyncio.sleep(3600)

        task = asyncio.ensure_future(state.aio.get_or_compute("k", compute))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        writes = [
            asyncio.ensure_future(state.aio.set_many({"a": b"%d" % n, "b": b"%d" % n})) for n in range(50)
        ]
        await asyncio.sleep(0)
        for write in writes[::2]:
            write.cancel()
        await asyncio.gather(*writes, return_exceptions=True)

        async def value():
            return b"computed"

        return await state.aio.get_or_compute("k", value)

    assert asyncio.run(main()) == b"computed"
    seen = state.get_many(["a", "b"])
    assert seen["a"] == seen["b"]


def test_with_closes_and_then_says_closed(state):
    async def main():
        async with state.aio as aio:
            await aio.set("k", b"v")
        assert state.closed
        with pytest.raises(StateClosed):
            await aio.get("k")

    asyncio.run(main())


def test_what_others_have_stored_while_it_was_awaited_counts_even_if_it_is_empty(state):
    async def compute():
        await state.aio.set("k", b"")
        return b"mine"

    assert asyncio.run(state.aio.get_or_compute("k", compute)) == b""
