"""A store for programs that must not wait: every method, awaitable."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeVar

from pforge_lab.errors import StateConflict
from pforge_lab.state.batch import Batch
from pforge_lab.state.checks import check_key, check_value
from pforge_lab.state.values import from_json, to_json

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
    from datetime import timedelta
    from types import TracebackType

    from pforge_lab.state.base import StateManager
    from pforge_lab.state.stats import StateStats

P = ParamSpec("P")
T = TypeVar("T")
_THREADS = 16  # enough for concurrent tasks to share their commits


class AsyncState:
    """The methods of a store, run in threads of its own; about 50 µs more per call.

    They raise what those of the store raise, and cost what those cost.

    Cancelling a task that waits is safe: the store stays whole. A write that was under way
    then is stored all the same or not at all; read to find out.

    Parameters
    ----------
    state
        The store; its ``aio`` is this.

    Examples
    --------
    >>> from pforge_lab.state import MemoryStateManager
    >>> async def main():
    ...     async with MemoryStateManager().aio as state:
    ...         await state.set("k", b"v")
    ...         return await state.get("k")
    >>> asyncio.run(main())
    b'v'
    """

    def __init__(self, state: StateManager) -> None:
        self.state = state
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix=f"aio {state.url}")
        self._computing: dict[tuple[int, str], tuple[asyncio.Lock, int]] = {}

    async def get(self, key: str) -> bytes | None:
        """Return the value of ``key``, or None if there is none."""
        return await self._run(self.state.get, key)

    async def get_buffer(self, key: str) -> memoryview | None:
        """Return the value of ``key`` as a memoryview, or None."""
        return await self._run(self.state.get_buffer, key)

    async def set(self, key: str, value: bytes, ttl: float | timedelta | None = None) -> None:
        """Store ``value`` under ``key``, for ``ttl`` seconds or a timedelta."""
        await self._run(self.state.set, key, value, ttl)

    async def delete(self, key: str) -> bool:
        """Remove ``key`` and return whether it existed."""
        return await self._run(self.state.delete, key)

    async def exists(self, key: str) -> bool:
        """Return whether ``key`` has a value."""
        return await self._run(self.state.exists, key)

    async def get_many(self, keys: Iterable[str]) -> dict[str, bytes]:
        """Return the values of those of ``keys`` that have one, all read at the same moment."""
        return await self._run(self.state.get_many, list(keys))

    async def set_many(self, mapping: Mapping[str, bytes], ttl: float | timedelta | None = None) -> None:
        """Store all values of ``mapping`` or none, for ``ttl`` seconds or a timedelta."""
        await self._run(self.state.set_many, dict(mapping), ttl)

    async def keys(self, prefix: str = "") -> list[str]:
        """Return the keys that start with ``prefix``, sorted."""
        return await self._run(self.state.keys, prefix)

    async def compare_and_set(
        self, key: str, expected: bytes | None, new: bytes | None, ttl: float | timedelta | None = None
    ) -> bool:
        """Store ``new`` under ``key``, for ``ttl`` seconds or a timedelta, if the value is ``expected``; return whether it was."""
        try:
            async with self.batch({key: expected}) as batch:
                batch.replace(key, new, ttl)
        except StateConflict:
            return False
        return True

    async def increment(self, key: str, by: int = 1, ttl: float | timedelta | None = None) -> int:
        """Add ``by`` to the number under ``key`` and return the sum; ``ttl``, in seconds, is that of a new key."""
        return await self._run(self.state.increment, key, by, ttl)

    async def get_json(self, key: str, default: Any = None) -> Any:
        """Return the value of ``key`` read as JSON, or ``default``."""
        value = await self.get(key)
        return default if value is None else from_json(key, value)

    async def set_json(self, key: str, value: Any, ttl: float | timedelta | None = None) -> None:
        """Store ``value`` under ``key`` as JSON, for ``ttl`` seconds or a timedelta."""
        await self.set(key, to_json(check_key(key), value), ttl)

    async def get_or_compute(
        self, key: str, compute: Callable[[], Awaitable[bytes]], ttl: float | timedelta | None = None
    ) -> bytes:
        """Return the value of ``key``; if there is none, await ``compute()`` and store it.

        Tasks of one event loop that ask at once compute once. What was computed lives for ``ttl`` seconds
        or a timedelta.
        """
        value = await self.get(key)
        if value is not None:
            return value
        async with self._alone(key):
            value = await self.get(key)
            if value is not None:
                return value
            computed = check_value(await compute(), key)
            if await self.compare_and_set(key, None, computed, ttl):
                return computed
            first = await self.get(key)
            return computed if first is None else first

    async def ttl(self, key: str) -> float | None:
        """Return the seconds ``key`` has left, or None."""
        return await self._run(self.state.ttl, key)

    async def expire(self, key: str, ttl: float | timedelta | None) -> bool:
        """Let ``key`` live for ``ttl`` seconds, or a timedelta, from now on; return whether it exists."""
        return await self._run(self.state.expire, key, ttl)

    async def cleanup(self) -> int:
        """Give the space of expired keys back and return how many there were."""
        return await self._run(self.state.cleanup)

    async def stats(self) -> StateStats:
        """Return what the store holds."""
        return await self._run(self.state.stats)

    async def compact(self) -> None:
        """Give the space of deleted and overwritten values back."""
        await self._run(self.state.compact)

    @asynccontextmanager
    async def batch(
        self, guard: Mapping[str, bytes | None] | None = None, *, durable: bool = True
    ) -> AsyncIterator[Batch]:
        """Collect changes and store them together when the block ends, or none if it raises.

        ``guard`` and ``durable`` are those of the store's own ``batch``.
        """
        batch = Batch()
        try:
            yield batch
        finally:
            batch.end()
        await self._run(self._store, guard, batch, durable=durable)

    async def close(self) -> None:
        """Let go of the store."""
        await asyncio.get_running_loop().run_in_executor(None, self.state.close)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    def shut_down(self) -> None:
        """End the threads; called when the store has closed."""
        self._threads.shutdown(wait=False)

    def _store(self, guard: Mapping[str, bytes | None] | None, collected: Batch, *, durable: bool) -> None:
        self.state.store(self.state.check_guard(guard), collected.changes, durable=durable)

    async def _run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        if self.state.closed:
            return function(*args, **kwargs)  # raises StateClosed
        return await asyncio.get_running_loop().run_in_executor(
            self._threads, lambda: function(*args, **kwargs)
        )

    @asynccontextmanager
    async def _alone(self, key: str) -> AsyncIterator[None]:
        """Wait until no other task of this event loop computes ``key``."""
        place = (id(asyncio.get_running_loop()), key)
        lock, users = self._computing.get(place) or (asyncio.Lock(), 0)
        self._computing[place] = (lock, users + 1)
        try:
            async with lock:
                yield
        finally:
            lock, users = self._computing[place]
            if users == 1:
                del self._computing[place]
            else:
                self._computing[place] = (lock, users - 1)
