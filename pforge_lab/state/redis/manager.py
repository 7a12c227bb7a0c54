"""The store on a Redis or Valkey server."""

from __future__ import annotations

import random
import time
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING, Any, Self, TypeVar
from urllib.parse import parse_qs, urlencode

import redis
from redis.exceptions import OutOfMemoryError, ResponseError, WatchError

from pforge_lab.errors import WrongValue
from pforge_lab.state.base import StateManager
from pforge_lab.state.checks import without_password
from pforge_lab.state.redis.aio import RedisAsyncState
from pforge_lab.state.redis.wire import AT_ONCE, COUNT, PATIENCE, Wire, chunks, pause
from pforge_lab.state.stats import StateStats, StatsCounter
from pforge_lab.state.transaction import Overlay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import timedelta

    from pforge_lab.state.handle import Mode
    from pforge_lab.state.transaction import Transaction

T = TypeVar("T")
_NAMESPACE = "pforge:"


class RedisStateManager(StateManager):
    """A store on a server, for processes anywhere; expiry is the server's own.

    What an acknowledged write survives is the server's configuration: with ``appendfsync
    always`` a power cut, by default the last second may be lost. Keys lie under a namespace,
    which no key of another namespace can reach. Values have at most 512 MB, which is the
    server's limit.

    Parameters
    ----------
    url
        ``redis://host:6379/0``, ``rediss://…`` (TLS) or ``unix:///path/to/socket``; the
        ``url`` attribute leaves a password out. ``?namespace=NAME`` is the default namespace.
    namespace
        Before every key; the default is ``pforge:``.
    pool_size
        Most connections of this process.
    mode, ttl
        As for every store; ``ttl`` is in seconds or a timedelta.
    clock
        Only for what this process computes; keys expire by the server's clock.

    Raises
    ------
    StateError
        If the server cannot be reached.
    WrongValue
        For a ``pool_size`` below 1.

    Notes
    -----
    Reading, ``set``, ``set_many`` and ``increment`` are one round trip each; a change that depends on
    what is there is two for each key that it looks at, and one to store. ``keys`` and ``stats`` go
    through the server's whole database, a thousand keys at a time.

    Examples
    --------
    >>> from pforge_lab.state import open_state
    >>> with open_state(redis_url) as state:  # such as redis://localhost:6379/0
    ...     state.set("example", b"hello", ttl=60)
    ...     state.get("example"), state.delete("example")
    (b'hello', True)
    """

    max_value_bytes = 512 * 1024 * 1024

    def __init__(
        self,
        url: str,
        *,
        mode: Mode = "w",
        namespace: str | None = None,
        pool_size: int = 16,
        ttl: float | timedelta | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(without_password(url), mode=mode, ttl=ttl, clock=clock)
        if pool_size < 1:
            raise WrongValue(f"pool_size is 1 or more, not {pool_size}")
        address, own = _split(url)
        self.namespace = own if namespace is None else namespace
        self._address, self._pool_size = address, pool_size
        self._wire = Wire(self.url, self.namespace, clock)
        pool = redis.BlockingConnectionPool.from_url(address, max_connections=pool_size, timeout=PATIENCE)
        self._server = redis.Redis(connection_pool=pool)
        self._count = self._server.register_script(COUNT)
        self._asked("ping")

    @classmethod
    def canonical_url(cls, scheme: str, rest: str) -> str:
        """Return the URL."""
        return f"{scheme}:{rest}"

    @classmethod
    def open(cls, url: str, mode: Mode, **options: Any) -> Self:
        """Connect to the server of a URL."""
        return cls(url, mode=mode, **options)

    # -- reading

    def _get(self, key: str) -> bytes | None:
        value: bytes | None = self._asked("get", self._wire.name(key))
        return value

    def _get_many(self, keys: list[str]) -> dict[str, bytes]:
        if not keys:
            return {}
        values = self._asked("mget", [self._wire.name(key) for key in keys])
        return {key: value for key, value in zip(keys, values, strict=True) if value is not None}

    def _keys(self, prefix: str) -> list[str]:
        return sorted(set(self._scan(prefix)))

    def _scan(self, prefix: str) -> Iterator[str]:
        with self._wire.named():
            for name in self._server.scan_iter(match=self._wire.pattern(prefix), count=AT_ONCE):
                yield self._wire.key(name)

    def _expiry(self, key: str) -> float | None:
        return self._wire.moment(self._asked("pttl", self._wire.name(key)))

    # -- writing

    def _transact(self, work: Callable[[Transaction], T], *, durable: bool = True) -> T:
        """Watch what ``work`` looks at, and store what it changed only if none of it has changed."""
        del durable  # how durable a command is, is the server's setting
        deadline = time.monotonic() + PATIENCE
        for attempt in count(1):
            with (
                suppress(WatchError),
                self._wire.named(),
                self._server.pipeline(transaction=False) as pipeline,
            ):
                return self._attempt(pipeline, work)
            if time.monotonic() > deadline:
                break
            time.sleep(pause(attempt, random.random))
        raise self._wire.too_busy()

    def _attempt(self, pipeline: Any, work: Callable[[Transaction], T]) -> T:
        def watched(command: str, key: str) -> Any:
            pipeline.watch(self._wire.name(key))
            return getattr(pipeline, command)(self._wire.name(key))

        overlay = Overlay(
            lambda key: watched("get", key), lambda key: self._wire.moment(watched("pttl", key))
        )
        result = work(overlay)
        self._wire.queue(pipeline, overlay)
        with self._wire.storing():
            pipeline.execute()
        return result

    def _increment(self, key: str, by: int, seconds: float | None) -> int:
        with self._wire.named():
            try:
                with self._wire.storing():
                    arguments = self._wire.count_arguments(key, by, seconds)
                    total: int = self._count(**arguments, client=self._server)
            except OutOfMemoryError:
                raise
            except ResponseError as error:
                raise self._wire.count_fault(error, key, self._get(key)) from error
        return total

    # -- the store as a whole

    def _cleanup(self) -> int:
        """Return 0: the server removes what has expired."""
        return 0

    def _stats(self) -> StateStats:
        counter = StatsCounter()
        for some in chunks(self._keys("")):
            with self._wire.named(), self._server.pipeline(transaction=False) as pipeline:
                self._wire.ask_sizes(pipeline, some)
                self._wire.count_sizes(counter, some, pipeline.execute())
        return counter.stats(self.url)

    def _compact(self) -> None:
        """Do nothing: the server looks after its memory and files."""

    def _awaitable(self) -> RedisAsyncState:
        return RedisAsyncState(self, self._wire, self._address, self._pool_size)

    def _close(self) -> None:
        self._server.close()

    # -- shared by the above

    def _asked(self, command: str, *args: Any) -> Any:
        with self._wire.named():
            return getattr(self._server, command)(*args)


def _split(url: str) -> tuple[str, str]:
    """Return what the server's client needs, and the namespace."""
    address, _, query = url.partition("?")
    options = parse_qs(query)
    namespace = options.pop("namespace", [_NAMESPACE])[0]
    return f"{address}?{urlencode(options, doseq=True)}".rstrip("?"), namespace
