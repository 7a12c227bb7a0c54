"""The store on a Redis or Valkey server."""

from __future__ import annotations

import math
import random
import re
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self, TypeVar
from urllib.parse import parse_qs, urlencode

import redis
from redis.exceptions import RedisError, ResponseError, WatchError

from pforge_lab.errors import StateError, StateFull, WrongValue
from pforge_lab.state.base import StateManager
from pforge_lab.state.checks import without_password
from pforge_lab.state.stats import StateStats, StatsCounter
from pforge_lab.state.transaction import Drop, Overlay, Put

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import timedelta

    from pforge_lab.state.handle import Mode
    from pforge_lab.state.transaction import Change, Transaction

T = TypeVar("T")
_PATIENCE = 30.0  # seconds that a transaction is tried again while others change its keys
_AT_ONCE = 1000  # keys per round trip
_NAMESPACE = "pforge:"
# Adds, and lets a key that this has created expire.
_COUNT = """
local fresh = redis.call('EXISTS', KEYS[1]) == 0
local total = redis.call('INCRBY', KEYS[1], ARGV[1])
if fresh and tonumber(ARGV[2]) >= 0 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return total
"""


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
    clock
        Only for what this process computes; keys expire by the server's clock.

    Raises
    ------
    StateError
        If the server cannot be reached.
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
        pool = redis.BlockingConnectionPool.from_url(address, max_connections=pool_size, timeout=_PATIENCE)
        self._server = redis.Redis(connection_pool=pool)
        self._count = self._server.register_script(_COUNT)
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
        value: bytes | None = self._asked("get", self._name(key))
        return value

    def _get_many(self, keys: list[str]) -> dict[str, bytes]:
        if not keys:
            return {}
        values = self._asked("mget", [self._name(key) for key in keys])
        return {key: value for key, value in zip(keys, values, strict=True) if value is not None}

    def _keys(self, prefix: str) -> list[str]:
        return sorted(set(self._scan(prefix)))

    def _scan(self, prefix: str) -> Iterator[str]:
        pattern = re.sub(rb"([*?\[\]\\])", rb"\\\1", self._name(prefix)) + b"*"
        with self._named():
            for name in self._server.scan_iter(match=pattern, count=_AT_ONCE):
                yield name.decode()[len(self.namespace) :]

    def _expiry(self, key: str) -> float | None:
        return self._moment(self._asked("pttl", self._name(key)))

    # -- writing

    def _transact(self, work: Callable[[Transaction], T]) -> T:
        """Watch what ``work`` looks at, and store what it changed only if none of it has changed."""
        deadline = time.monotonic() + _PATIENCE
        attempt = 0
        while True:
            with self._named(), self._server.pipeline(transaction=True) as pipeline:
                try:
                    result, overlay = self._attempt(pipeline, work)
                except WatchError:
                    overlay = None
            if overlay is not None:
                return result
            if time.monotonic() > deadline:
                raise StateError(
                    f"{self.url} is too busy: others changed the same keys for {_PATIENCE:.0f} s; try again",
                    url=self.url,
                )
            attempt += 1
            time.sleep(random.uniform(0, min(0.1, 0.001 * 2 ** min(attempt, 7))))  # noqa: S311 - jitter, no secret

    def _attempt(self, pipeline: Any, work: Callable[[Transaction], T]) -> tuple[T, Overlay]:
        def watched(command: str, key: str) -> Any:
            pipeline.watch(self._name(key))
            return getattr(pipeline, command)(self._name(key))

        overlay = Overlay(lambda key: watched("get", key), lambda key: self._moment(watched("pttl", key)))
        result = work(overlay)
        pipeline.multi()
        for key, change in overlay.changes.items():
            self._queue(pipeline, self._name(key), change)
        pipeline.execute()
        return result, overlay

    def _queue(self, pipeline: Any, name: bytes, change: Change) -> None:
        if isinstance(change, Drop):
            pipeline.delete(name)
            return
        left = None if change.expires is None else math.ceil((change.expires - self.clock()) * 1000)
        if left is not None and left <= 0:
            pipeline.delete(name)
        elif isinstance(change, Put):
            pipeline.set(name, change.value, px=left)
        elif left is None:
            pipeline.persist(name)
        else:
            pipeline.pexpire(name, left)

    def _increment(self, key: str, by: int, seconds: float | None) -> int:
        left = -1 if seconds is None else math.ceil(seconds * 1000)
        try:
            total: int = self._count(keys=[self._name(key)], args=[by, left], client=self._server)
        except ResponseError as error:
            if "overflow" in str(error):
                raise WrongValue(f"the sum under {key!r} does not fit into 64 bits", key=key) from error
            value = self._get(key)
            raise StateError(
                f"{key!r} holds {value!r:.40}, which is no number; increment() needs a key of its own",
                key=key,
            ) from error
        except RedisError as error:
            raise self._fault(error) from error
        return total

    # -- the store as a whole

    def _cleanup(self) -> int:
        """Return 0: the server removes what has expired."""
        return 0

    def _stats(self) -> StateStats:
        counter = StatsCounter()
        keys = self._keys("")
        for start in range(0, len(keys), _AT_ONCE):
            with self._named(), self._server.pipeline(transaction=False) as pipeline:
                some = keys[start : start + _AT_ONCE]
                for key in some:
                    pipeline.strlen(self._name(key))
                for key, size in zip(some, pipeline.execute(), strict=True):
                    counter.add(key, size)
        return counter.stats(self.url)

    def _compact(self) -> None:
        """Do nothing: the server looks after its memory and files."""

    def _close(self) -> None:
        self._server.close()

    # -- shared by the above

    def _name(self, key: str) -> bytes:
        return (self.namespace + key).encode()

    def _moment(self, left: int) -> float | None:
        if left == -2:
            return None
        return math.inf if left == -1 else self.clock() + left / 1000

    def _asked(self, command: str, *args: Any) -> Any:
        with self._named():
            return getattr(self._server, command)(*args)

    @contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except WatchError:
            raise
        except RedisError as error:
            raise self._fault(error) from error

    def _fault(self, error: RedisError) -> StateError:
        if "OOM" in str(error):
            return StateFull(f"{self.url} is full: {error}; nothing of this was stored", url=self.url)
        return StateError(
            f"{self.url} cannot be used: {error}; check that the server runs there", url=self.url
        )


def _split(url: str) -> tuple[str, str]:
    """Return what the server's client needs, and the namespace."""
    address, _, query = url.partition("?")
    options = parse_qs(query)
    namespace = options.pop("namespace", [_NAMESPACE])[0]
    return f"{address}?{urlencode(options, doseq=True)}".rstrip("?"), namespace
