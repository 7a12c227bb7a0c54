"""The awaitable store on Redis' own asyncio client: no threads, one pool of connections per event loop."""

from __future__ import annotations

import asyncio
import math
import random
import time
from contextlib import asynccontextmanager, suppress
from itertools import count
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary

import redis.asyncio
from redis.exceptions import OutOfMemoryError, ResponseError, WatchError

from pforge_lab.state import transaction as transactions
from pforge_lab.state.aio import AsyncState
from pforge_lab.state.batch import Batch
from pforge_lab.state.checks import check_integer, check_key, check_prefix, check_seconds
from pforge_lab.state.redis.wire import AT_ONCE, COUNT, PATIENCE, chunks, pause
from pforge_lab.state.stats import StatsCounter
from pforge_lab.state.transaction import Overlay

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping
    from datetime import timedelta

    from pforge_lab.state.redis.manager import RedisStateManager
    from pforge_lab.state.redis.wire import Wire
    from pforge_lab.state.stats import StateStats
    from pforge_lab.state.transaction import Transaction

T = TypeVar("T")


class RedisAsyncState(AsyncState):
    """The methods of a Redis store for tasks of any event loop; a call is one round trip or a few.

    Cancelling a task that waits drops its connection, so that no later command meets its answer; a write
    that was under way is stored whole or not at all. The connections of a loop are closed when it ends
    (as ``asyncio.run`` ends it), or by ``await close()`` in it.

    Parameters
    ----------
    state
        The store that waits.
    wire
        How its keys look on the server.
    address
        Of the server.
    pool_size
        Most connections of each event loop.

    Examples
    --------
    >>> import asyncio
    >>> from pforge_lab.state import open_state
    >>> async def main():
    ...     async with open_state(redis_url).aio as state:  # such as redis://localhost:6379/0
    ...         await state.set("example", b"hello", ttl=60)
    ...         return await state.get("example"), await state.delete("example")
    >>> asyncio.run(main())
    (b'hello', True)
    """

    def __init__(self, state: RedisStateManager, wire: Wire, address: str, pool_size: int) -> None:
        super().__init__(state)
        self._wire = wire
        self._address = address
        self._pool_size = pool_size
        self._clients: WeakKeyDictionary[AbstractEventLoop, tuple[Any, AsyncGenerator[Any, None]]] = (
            WeakKeyDictionary()
        )

    # -- reading

    async def get(self, key: str) -> bytes | None:
        """Return the value of ``key``, or None if there is none."""
        self.state.check_open()
        value: bytes | None = await self._asked("get", self._wire.name(check_key(key)))
        return value

    async def get_buffer(self, key: str) -> memoryview | None:
        """Return the value of ``key`` as a memoryview, or None."""
        value = await self.get(key)
        return None if value is None else memoryview(value)

    async def exists(self, key: str) -> bool:
        """Return whether ``key`` has a value."""
        return await self._expiry(key) is not None

    async def get_many(self, keys: Iterable[str]) -> dict[str, bytes]:
        """Return the values of those of ``keys`` that have one, all read at the same moment."""
        self.state.check_open()
        asked = [check_key(key) for key in keys]
        if not asked:
            return {}
        values = await self._asked("mget", [self._wire.name(key) for key in asked])
        return {key: value for key, value in zip(asked, values, strict=True) if value is not None}

    async def keys(self, prefix: str = "") -> list[str]:
        """Return the keys that start with ``prefix``, sorted."""
        self.state.check_open()
        pattern = self._wire.pattern(check_prefix(prefix))
        with self._wire.named():
            client = await self._client()
            names = {name async for name in client.scan_iter(match=pattern, count=AT_ONCE)}
        return sorted(map(self._wire.key, names))

    async def ttl(self, key: str) -> float | None:
        """Return the seconds ``key`` has left, or None."""
        expires = await self._expiry(key)
        return None if expires is None or expires == math.inf else max(0.0, expires - self.state.clock())

    # -- writing

    async def set(self, key: str, value: bytes, ttl: float | timedelta | None = None) -> None:
        """Store ``value`` under ``key``, for ``ttl`` seconds or a timedelta."""
        await self.set_many({key: value}, ttl)

    async def set_many(self, mapping: Mapping[str, bytes], ttl: float | timedelta | None = None) -> None:
        """Store all values of ``mapping`` or none, for ``ttl`` seconds or a timedelta."""
        async with self.batch() as batch:
            for key, value in mapping.items():
                batch.set(key, value, ttl)

    async def delete(self, key: str) -> bool:
        """Remove ``key`` and return whether it existed."""
        self.state.check_writable()
        check_key(key)
        return await self._transact(lambda transaction: transaction.delete(key))

    async def expire(self, key: str, ttl: float | timedelta | None) -> bool:
        """Let ``key`` live for ``ttl`` seconds, or a timedelta, from now on; return whether it exists."""
        self.state.check_writable()
        check_key(key)
        seconds = None if ttl is None else check_seconds(ttl)
        until = None if seconds is None else self.state.clock() + seconds
        return await self._transact(lambda transaction: transactions.expire(transaction, key, until))

    async def increment(self, key: str, by: int = 1, ttl: float | timedelta | None = None) -> int:
        """Add ``by`` to the number under ``key`` and return the sum; ``ttl``, in seconds, is that of a new key.

        Raises
        ------
        StateError
            If the value is not a number.
        WrongValue
            If the sum does not fit into 64 bits.
        """
        self.state.check_writable()
        check_key(key)
        check_integer(by, "by")
        seconds = self.state.default_ttl if ttl is None else check_seconds(ttl)
        script = (await self._client()).register_script(COUNT)
        with self._wire.named():
            try:
                with self._wire.storing():
                    total: int = await script(**self._wire.count_arguments(key, by, seconds))
            except OutOfMemoryError:
                raise
            except ResponseError as error:
                raise self._wire.count_fault(error, key, await self.get(key)) from error
        return total

    @asynccontextmanager
    async def batch(
        self, guard: Mapping[str, bytes | None] | None = None, *, durable: bool = True
    ) -> AsyncIterator[Batch]:
        """Collect changes and store them together when the block ends, or none if it raises.

        ``guard`` and ``durable`` are those of the store's own ``batch``.
        """
        del durable  # how durable a command is, is the server's setting
        expected = self.state.check_guard(guard)
        batch = Batch()
        try:
            yield batch
        finally:
            batch.end()
        self.state.check_writable()
        if expected or batch.changes:
            await self._transact(self.state.storing(expected, batch.changes))

    # -- the store as a whole

    async def cleanup(self) -> int:
        """Return 0: the server removes what has expired."""
        self.state.check_writable()
        return 0

    async def stats(self) -> StateStats:
        """Return what the store holds; asks for the size of every key, a thousand per round trip."""
        counter = StatsCounter()
        keys = await self.keys()
        client = await self._client()
        for some in chunks(keys):
            with self._wire.named():
                async with client.pipeline(transaction=False) as pipeline:
                    self._wire.ask_sizes(pipeline, some)
                    self._wire.count_sizes(counter, some, await pipeline.execute())
        return counter.stats(self.state.url)

    async def compact(self) -> None:
        """Do nothing: the server looks after its memory and files."""
        self.state.check_writable()

    async def close(self) -> None:
        """Let go of the store, and of this event loop's connections when it was the last to hold it."""
        await super().close()
        held = self._clients.pop(asyncio.get_running_loop(), None) if self.state.closed else None
        if held is not None:
            await held[1].aclose()

    # -- shared by the above

    async def _expiry(self, key: str) -> float | None:
        self.state.check_open()
        return self._wire.moment(await self._asked("pttl", self._wire.name(check_key(key))))

    async def _transact(self, work: Callable[[Transaction], T]) -> T:
        """Watch what ``work`` looks at, and store what it changed only if none of it has changed."""
        deadline = time.monotonic() + PATIENCE
        client = await self._client()
        for attempt in count(1):
            with suppress(WatchError), self._wire.named():
                async with client.pipeline(transaction=False) as pipeline:
                    return await self._attempt(pipeline, work)
            if time.monotonic() > deadline:
                break
            await asyncio.sleep(pause(attempt, random.random))
        raise self._wire.too_busy()

    async def _attempt(self, pipeline: Any, work: Callable[[Transaction], T]) -> T:
        """Run ``work`` on what is known of the store; it says what it misses, which is fetched for the next time."""
        known: dict[tuple[str, str], Any] = {}
        while True:
            overlay = Overlay(
                lambda key: _known(known, "get", key),
                lambda key: self._wire.moment(_known(known, "pttl", key)),
            )
            try:
                result = work(overlay)
            except _Unknown as missing:
                name = self._wire.name(missing.key)
                await pipeline.watch(name)
                known[missing.command, missing.key] = await getattr(pipeline, missing.command)(name)
            else:
                break
        self._wire.queue(pipeline, overlay)
        with self._wire.storing():
            await pipeline.execute()
        return result

    async def _asked(self, command: str, *args: Any) -> Any:
        with self._wire.named():
            return await getattr(await self._client(), command)(*args)

    async def _client(self) -> Any:
        loop = asyncio.get_running_loop()
        held = self._clients.get(loop)
        if held is None:
            keeper = self._connected()
            held = self._clients[loop] = (await anext(keeper), keeper)  # comes to its yield without waiting
        return held[0]

    async def _connected(self) -> AsyncGenerator[Any, None]:
        """Hold a client for as long as the event loop lives: loops close their generators when they end."""
        pool = redis.asyncio.BlockingConnectionPool.from_url(
            self._address, max_connections=self._pool_size, timeout=PATIENCE
        )
        client = redis.asyncio.Redis(connection_pool=pool)
        try:
            yield client
        finally:
            await client.aclose()
            await pool.aclose()


class _Unknown(Exception):
    """The work of a transaction asks for what has not been fetched."""

    def __init__(self, command: str, key: str) -> None:
        super().__init__(command, key)
        self.command = command
        self.key = key


def _known(known: Mapping[tuple[str, str], Any], command: str, key: str) -> Any:
    if (command, key) not in known:
        raise _Unknown(command, key)
    return known[command, key]
