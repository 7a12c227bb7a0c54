"""What programs keep in a store: counters, cached results, sessions and rate limits.

Each change is one atomic step of the store, so that threads, processes and machines that share
the store can share these too: what was read first is written only if it is still so.
"""

from __future__ import annotations

import functools
import inspect
import pickle
import secrets
from types import CodeType
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar

import xxhash

from pforge_lab.errors import StateError, WrongType, WrongValue
from pforge_lab.state.checks import check_integer, check_key, check_seconds
from pforge_lab.state.transaction import parse_integer
from pforge_lab.state.values import from_json, to_json

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from pforge_lab.state.base import StateManager

P = ParamSpec("P")
R = TypeVar("R")


class Counter:
    """A number that many can count on.

    Raises
    ------
    StateError
        By ``value``, ``increment`` and ``decrement``, if something else is under the key.
    WrongValue
        By ``increment`` and ``decrement``, if the sum does not fit into 64 bits.

    Examples
    --------
    >>> from pforge_lab.state import MemoryStateManager
    >>> rows = Counter(MemoryStateManager(), "rows")
    >>> rows.increment(), rows.increment(10), rows.decrement(), rows.value
    (1, 11, 10, 10)
    >>> rows.reset()
    >>> rows.value
    0
    """

    def __init__(self, state: StateManager, key: str) -> None:
        self.state = state
        self.key = check_key(key)

    @property
    def value(self) -> int:
        """Return the number; 0 if nothing was counted yet."""
        value = self.state.get(self.key)
        return 0 if value is None else parse_integer(self.key, value)

    def increment(self, by: int = 1) -> int:
        """Add ``by`` and return the sum."""
        return self.state.increment(self.key, by)

    def decrement(self, by: int = 1) -> int:
        """Take ``by`` away and return the difference."""
        return self.state.increment(self.key, -check_integer(by, "by"))

    def reset(self) -> None:
        """Count from 0 again."""
        self.state.delete(self.key)


class CachedFunction(Generic[P, R]):
    """A function whose results are kept in a store; made by ``cached``."""

    def __init__(
        self, function: Callable[P, R], state: StateManager, ttl: float | timedelta | None, prefix: str
    ) -> None:
        if inspect.iscoroutinefunction(function):
            raise WrongType(
                f"cached() takes functions, and {function.__qualname__} is a coroutine function; cache what it calls"
            )
        functools.update_wrapper(self, function)
        self._function = function
        self._signature = inspect.signature(function)
        self._state = state
        self._ttl = ttl
        self._prefix = f"{prefix}{function.__module__}.{function.__qualname__}/{_fingerprint(function)}/"

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Return the kept result for these arguments, or call the function and keep its result."""
        key = self.key(*args, **kwargs)
        computed: list[R] = []

        def compute() -> bytes:
            computed.append(self._function(*args, **kwargs))
            return pickle.dumps(computed[0])

        value = self._state.get_or_compute(key, compute, self._ttl)
        return computed[0] if computed else pickle.loads(value)  # noqa: S301 - documented

    def key(self, *args: P.args, **kwargs: P.kwargs) -> str:
        """Return the key under which the result for these arguments is kept."""
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        try:
            arguments = pickle.dumps(sorted(bound.arguments.items()), protocol=5)
        except (pickle.PicklingError, TypeError, AttributeError) as error:
            raise WrongType(
                f"the arguments of {self._function.__qualname__} cannot be told apart: {error}"
            ) from error
        return self._prefix + xxhash.xxh3_128_hexdigest(arguments)

    def forget(self, *args: P.args, **kwargs: P.kwargs) -> bool:
        """Remove the kept result for these arguments and return whether there was one."""
        return self._state.delete(self.key(*args, **kwargs))


def cached(
    state: StateManager, ttl: float | timedelta | None = None, *, prefix: str = "cached/"
) -> Callable[[Callable[P, R]], CachedFunction[P, R]]:
    """Keep the results of a function in ``state``, by its arguments and its own code.

    Threads that ask for the same result at once compute it once. Arguments count by what
    their pickles hold; editing the function starts afresh, editing what it calls does not.
    **Results are pickled: reading them can execute code, so use stores that you trust.**

    Parameters
    ----------
    state
        Where results are kept.
    ttl
        How long each is kept, in seconds or a timedelta; by default as the store says.
    prefix
        Before the keys; the function's name follows it.

    Raises
    ------
    WrongType
        If the function is a coroutine function; by a call, if its arguments cannot be pickled.

    Examples
    --------
    >>> from pforge_lab.state import MemoryStateManager
    >>> @cached(MemoryStateManager(), ttl=60)
    ... def square(number):
    ...     print("computing")
    ...     return number * number
    >>> square(4), square(number=4)
    computing
    (16, 16)
    """

    def decorate(function: Callable[P, R]) -> CachedFunction[P, R]:
        return CachedFunction(function, state, ttl, prefix)

    return decorate


class Sessions:
    """Small JSON objects under secret ids, which expire when they are not used.

    Parameters
    ----------
    state
        Where sessions are kept.
    ttl
        How long a session lives after it was last used, in seconds or a timedelta.
    prefix
        Before the keys; a session's id follows it.

    Raises
    ------
    WrongType, WrongValue
        For a ttl that is none; by ``create`` and ``update``, for data without a JSON form.

    Examples
    --------
    >>> from pforge_lab.state import MemoryStateManager
    >>> sessions = Sessions(MemoryStateManager(), ttl=1800)
    >>> id = sessions.create(user="ada")
    >>> sessions.update(id, page=2)
    {'user': 'ada', 'page': 2}
    >>> sessions.get(id)["page"]
    2
    >>> sessions.end(id), sessions.get(id)
    (True, None)
    """

    def __init__(self, state: StateManager, ttl: float | timedelta, *, prefix: str = "session/") -> None:
        self.state = state
        self.ttl = check_seconds(ttl)
        self.prefix = prefix

    def create(self, **data: Any) -> str:
        """Begin a session that holds ``data`` and return its id, which cannot be guessed."""
        session = secrets.token_urlsafe(24)
        self.state.set_json(self.prefix + session, data, self.ttl)
        return session

    def get(self, session: str) -> dict[str, Any] | None:
        """Return what a session holds, or None if it has ended; it lives on from now, which is a write."""
        key = self.prefix + session
        data: dict[str, Any] | None = self.state.get_json(key)
        if data is not None:
            self.state.expire(key, self.ttl)
        return data

    def update(self, session: str, **changes: Any) -> dict[str, Any]:
        """Change some of what a session holds, whoever changes the rest meanwhile; return all of it.

        Raises
        ------
        StateError
            If the session has ended.
        """
        key = self.prefix + session
        while True:
            before = self.state.get(key)
            if before is None:
                raise StateError("this session has ended; create() another", key=key)
            data: dict[str, Any] = from_json(key, before) | changes
            if self.state.compare_and_set(key, before, to_json(key, data), self.ttl):
                return data

    def end(self, session: str) -> bool:
        """End a session and return whether there was one."""
        return self.state.delete(self.prefix + session)


class RateLimiter:
    """At most ``limit`` uses per key in each ``window``, which begins with its first use.

    Around the end of a window up to twice the limit may pass within one window's length.

    Parameters
    ----------
    state
        Where uses are counted.
    limit
        Uses that a window allows.
    window
        Its length, in seconds or a timedelta.
    prefix
        Before the keys.

    Raises
    ------
    WrongType, WrongValue
        For a limit below 1, or a window that is none.

    Examples
    --------
    >>> from pforge_lab.state import MemoryStateManager
    >>> limiter = RateLimiter(MemoryStateManager(), limit=2, window=60)
    >>> [limiter.allow("ada") for _ in range(3)], limiter.allow("bob")
    ([True, True, False], True)
    >>> limiter.remaining("bob"), 59 < limiter.retry_after("ada") <= 60
    (1, True)
    """

    def __init__(
        self, state: StateManager, limit: int, window: float | timedelta, *, prefix: str = "rate/"
    ) -> None:
        if check_integer(limit, "limit") < 1:
            raise WrongValue(f"limit is 1 or more, not {limit}")
        self.state = state
        self.limit = limit
        self.window = check_seconds(window)
        if not self.window:
            raise WrongValue("window is more than 0 seconds")
        self.prefix = prefix

    def allow(self, key: str) -> bool:
        """Count one use of ``key`` and return whether it is within the limit."""
        return self.state.increment(self.prefix + check_key(key), ttl=self.window) <= self.limit

    def remaining(self, key: str) -> int:
        """Return how many uses the window of ``key`` still allows."""
        return max(0, self.limit - Counter(self.state, self.prefix + check_key(key)).value)

    def retry_after(self, key: str) -> float:
        """Return in how many seconds a use of ``key`` will be allowed; 0 if one is now. Counts no use."""
        return 0.0 if self.remaining(key) else self.state.ttl(self.prefix + check_key(key)) or 0.0


def _fingerprint(function: Callable[..., Any]) -> str:
    """Return a digest of what the function does, the same in every process."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    return xxhash.xxh3_64_hexdigest(repr(_meaning(code)).encode()) if code is not None else "builtin"


def _meaning(code: CodeType) -> tuple[Any, ...]:
    constants = tuple(_meaning(each) if isinstance(each, CodeType) else repr(each) for each in code.co_consts)
    return (code.co_code, code.co_names, code.co_varnames, constants)
