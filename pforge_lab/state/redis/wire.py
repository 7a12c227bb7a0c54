"""How keys, lifetimes, changes and faults look on a Redis server, for clients that wait and those that do not."""

from __future__ import annotations

import math
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from redis.exceptions import (
    AuthenticationError,
    ConnectionError as Disconnected,
    RedisError,
    ResponseError,
    TimeoutError as TimedOut,
    WatchError,
)

from pforge_lab.errors import OutcomeUnknown, PforgeError, StateError, StateFull, WrongValue
from pforge_lab.state.transaction import Drop, Put, parse_integer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pforge_lab.state.stats import StatsCounter
    from pforge_lab.state.transaction import Change, Overlay

PATIENCE = 30.0  # seconds that a transaction is tried again while others change its keys
AT_ONCE = 1000  # keys per round trip
_UNSENT = ("connecting to", "No connection available")  # what the client says before it has sent anything
# Adds, and lets a key that this has created expire.
COUNT = """
local fresh = redis.call('EXISTS', KEYS[1]) == 0
local total = redis.call('INCRBY', KEYS[1], ARGV[1])
if fresh and tonumber(ARGV[2]) >= 0 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return total
"""


class Wire:
    """Keys of one namespace of one server.

    Parameters
    ----------
    url
        Of the server, as errors name it.
    namespace
        Before every key.
    clock
        Returns the time in seconds.
    """

    def __init__(self, url: str, namespace: str, clock: Callable[[], float]) -> None:
        self.url = url
        self.namespace = namespace
        self.clock = clock

    def name(self, key: str) -> bytes:
        """Return what the server calls ``key``."""
        return (self.namespace + key).encode()

    def key(self, name: bytes) -> str:
        """Return the key that the server calls ``name``."""
        return name.decode()[len(self.namespace) :]

    def pattern(self, prefix: str) -> bytes:
        """Return the pattern of the names of all keys that begin with ``prefix``."""
        return re.sub(rb"([*?\[\]\\])", rb"\\\1", self.name(prefix)) + b"*"

    def moment(self, left: int) -> float | None:
        """Return when a key expires, from the milliseconds the server says it has left."""
        if left == -2:
            return None
        return math.inf if left == -1 else self.clock() + left / 1000

    def queue(self, pipeline: Any, overlay: Overlay) -> None:
        """Add the commands of a transaction; pipelines of both kinds collect them without waiting.

        A single change that depends on nothing is atomic by itself.
        """
        if overlay.looked_at or len(overlay.changes) != 1:
            pipeline.multi()
        for key, change in overlay.changes.items():
            self._queue(pipeline, self.name(key), change)

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

    def ask_sizes(self, pipeline: Any, keys: list[str]) -> None:
        """Add commands that ask whether ``keys`` exist and how long their values are."""
        for key in keys:
            pipeline.exists(self.name(key))
            pipeline.strlen(self.name(key))

    def count_sizes(self, counter: StatsCounter, keys: list[str], answers: list[int]) -> None:
        """Count those of ``keys`` that exist, from the answers to ``ask_sizes``."""
        for key, exists, size in zip(keys, answers[::2], answers[1::2], strict=True):
            if exists:
                counter.add(key, size)

    def count_arguments(self, key: str, by: int, seconds: float | None) -> dict[str, list[Any]]:
        """Return the arguments of the script that adds."""
        left = -1 if seconds is None or seconds == math.inf else math.ceil(seconds * 1000)
        return {"keys": [self.name(key)], "args": [by, left]}

    def count_fault(self, error: ResponseError, key: str, value: bytes | None) -> PforgeError:
        """Return what is wrong with the number under ``key``, from what the server said of adding to it."""
        if "overflow" in str(error):
            return WrongValue(f"the sum under {key!r} does not fit into 64 bits", key=key)
        try:
            parse_integer(key, value or b"")
        except StateError as no_number:
            return no_number
        return self.fault(error)

    @contextmanager
    def named(self) -> Iterator[None]:
        """Turn the client's errors into the store's; a watched key that changed stays what it is."""
        try:
            yield
        except WatchError:
            raise
        except RedisError as error:
            raise self.fault(error) from error

    @contextmanager
    def storing(self) -> Iterator[None]:
        """Say of a command that changes something and whose answer was lost that nobody knows what became of it."""
        try:
            yield
        except (Disconnected, TimedOut) as error:
            if type(error) not in (Disconnected, TimedOut) or any(told in str(error) for told in _UNSENT):
                raise
            raise OutcomeUnknown(
                f"{self.url} failed while it was storing ({error}); it is not known whether this was stored: read it again",
                url=self.url,
            ) from error

    def fault(self, error: RedisError) -> StateError:
        """Return the store's error for one of the client's."""
        if "OOM" in str(error):
            return StateFull(f"{self.url} is full: {error}; nothing of this was stored", url=self.url)
        check = (
            "the name and the password in its URL"
            if isinstance(error, AuthenticationError)
            else "that the server runs there"
        )
        return StateError(f"{self.url} cannot be used: {str(error).rstrip('.')}; check {check}", url=self.url)

    def too_busy(self) -> StateError:
        """Return the error of a transaction whose keys others kept changing."""
        return StateError(
            f"{self.url} is too busy: others changed the same keys for {PATIENCE:.0f} s; try again",
            url=self.url,
        )


def chunks(keys: list[str]) -> Iterator[list[str]]:
    """Yield as many keys at a time as one round trip asks for."""
    for start in range(0, len(keys), AT_ONCE):
        yield keys[start : start + AT_ONCE]


def pause(attempt: int, random: Callable[[], float]) -> float:
    """Return how long to wait before another attempt, in seconds: at most 0.1, growing, with jitter."""
    longest: float = min(0.1, 0.001 * 2 ** min(attempt, 7))
    return random() * longest
