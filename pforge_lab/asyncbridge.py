"""Run coroutines from synchronous code anywhere: in a script, in a running kernel, in a thread.

By default one background thread runs one event loop, shared by everybody. It needs no patching,
keeps printed output in the right cell, and is interrupted like any call. Sync code that a coroutine
of ours calls blocks the loop of that coroutine; its own coroutines run one loop further, on a thread
of its own, so that nothing waits for itself. Objects bound to the kernel's own loop (a client made in
a cell with ``await``) need the *nested* mode, which runs on that loop and patches it with
nest-asyncio2 on first use.
"""

from __future__ import annotations

import asyncio
import contextvars
import os
import threading
from concurrent.futures import CancelledError, Future
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

from pforge_lab.errors import UsageError, near_misses

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    _Stop = Callable[[Callable[[], object]], Callable[[], object]]

__all__ = ["CancelledError", "Mode", "Overrun", "in_thread", "run", "submit", "use_mode"]

T = TypeVar("T")
Mode = Literal["background", "nested"]
MODES: tuple[Mode, ...] = ("background", "nested")

GRACE: Final = 1.0
"""Seconds that a coroutine has to end when its time is over, and a loop to answer when a coroutine did not."""

_AGAIN: Final = 0.05  # seconds
_host: ContextVar[asyncio.AbstractEventLoop | None] = ContextVar("pforge_lab_host_loop", default=None)
_depth: ContextVar[int] = ContextVar("pforge_lab_depth", default=0)
"""How many coroutines of ours this code is inside of: the loops of all of them may be blocked by it."""


@dataclass(slots=True)
class _Loop:
    """A background loop and the process it belongs to: threads do not survive a fork."""

    loop: asyncio.AbstractEventLoop
    thread: threading.Thread
    pid: int
    suspect: bool = False

    def answers(self) -> bool:
        """Return whether it can be used: a coroutine that was given up may block it for ever."""
        if self.pid != os.getpid() or not self.thread.is_alive():
            return False
        if self.suspect:
            answer = threading.Event()
            self.loop.call_soon_threadsafe(answer.set)
            self.suspect = not answer.wait(GRACE)
        return not self.suspect


class _Bridge:
    """What this process has: the mode, and a loop for each depth once it was needed."""

    def __init__(self) -> None:
        self.mode: Mode = "background"
        self.forget()

    def forget(self) -> None:
        """Start afresh in a forked process: no thread is left, and a lock may be held by nobody."""
        self.lock = threading.Lock()
        self.background: dict[int, _Loop] = {}

    def loop(self, depth: int) -> asyncio.AbstractEventLoop:
        with self.lock:
            known = self.background.get(depth)
            if known is None or not known.answers():
                known = self.background[depth] = _start_loop()
            return known.loop

    def suspect(self) -> None:
        """Have loops asked whether they answer before they are used again."""
        for known in list(self.background.values()):
            known.suspect = True


_bridge = _Bridge()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_bridge.forget)


def _start_loop() -> _Loop:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="pforge-lab-loop", daemon=True)
    thread.start()
    return _Loop(loop, thread, os.getpid())


def use_mode(mode: Mode) -> None:
    """Choose where coroutines run from now on.

    Parameters
    ----------
    mode
        ``"background"`` (the default): one loop of ours in a thread of its own. ``"nested"``:
        on the loop that runs already in the calling thread, such as a notebook's, which is
        patched for that and stays patched; where none runs, as in ``"background"``.

    Raises
    ------
    UsageError
        There is no such mode.
    """
    if mode not in MODES:
        raise UsageError(f"no mode {mode!r}{near_misses(mode, MODES)}")
    _bridge.mode = mode


def run(
    awaitable: Awaitable[T], *, timeout: float | None = None, stop: _Stop | None = None,
) -> T:  # fmt: skip
    """Wait for an awaitable and return its result.

    Parameters
    ----------
    awaitable
        A coroutine, or anything else that can be awaited.
    timeout
        Seconds; the coroutine is cancelled when they are over, and abandoned when it does not end then.
    stop
        Called with the function that cancels the coroutine from another thread; returns the one that forgets it.

    Returns
    -------
    object
        What the awaitable returns.

    Raises
    ------
    Overrun
        The time was over. A ``TimeoutError`` of the coroutine's own passes through as it is.
    CancelledError
        It was cancelled.

    Notes
    -----
    Costs about 50 µs for the change of thread. An interrupt cancels the coroutine.

    Examples
    --------
    >>> async def double(x):
    ...     return 2 * x
    >>> run(double(21))
    42
    """
    running = _running_loop()
    if running is not None and _bridge.mode == "nested":
        return _run_nested(running, awaitable, timeout, stop)
    future = submit(awaitable, timeout=timeout)
    forget = None if stop is None else stop(future.cancel)
    try:
        return _wait(future, timeout)
    finally:
        if forget is not None:
            forget()


class Overrun(Exception):
    """A coroutine took longer than it may.

    Parameters
    ----------
    abandoned
        Whether it goes on: it ignores that it was cancelled, or blocks its loop.
    """

    def __init__(self, *, abandoned: bool = False) -> None:
        super().__init__()
        self.abandoned = abandoned


def submit(awaitable: Awaitable[T], *, timeout: float | None = None) -> Future[T]:
    """Start an awaitable on a background loop and return its future at once.

    Inside of what `in_thread` calls, it is started on the loop that waits there. The loop is never one that
    the caller blocks when it waits for the future: sync code called by a coroutine of ours, and threads that
    it starts with its context, have the next one. Cancelling the future cancels the coroutine.
    """
    loop = _host.get() or _bridge.loop(_depth.get())
    return asyncio.run_coroutine_threadsafe(_limited(awaitable, timeout), loop)


async def in_thread(function: Callable[[], T], stop: Callable[[], object]) -> T:
    """Call a function in a thread of its own; the loop that waits goes on, and runs its coroutines.

    Parameters
    ----------
    function
        Called in a copy of this context. Its coroutines, given to `run` and `submit`, may use what is
        bound to this loop.
    stop
        Ends the function from another thread: called when the waiting is cancelled, which is over
        once the function has ended.

    Examples
    --------
    >>> async def loop_of():
    ...     return asyncio.get_running_loop()
    >>> async def main():
    ...     return await in_thread(lambda: run(loop_of()), lambda: None) is asyncio.get_running_loop()
    >>> asyncio.run(main())
    True
    """
    loop, future = asyncio.get_running_loop(), Future[T]()

    def work() -> None:
        _host.set(loop)
        try:
            future.set_result(function())
        except BaseException as error:  # noqa: BLE001 -- raised again where it is waited for
            future.set_exception(error)

    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(work,), name="pforge-lab-awaited", daemon=True).start()
    waiting = asyncio.wrap_future(future)
    try:
        return await asyncio.shield(waiting)
    except asyncio.CancelledError:
        while not waiting.done():
            stop()  # again where it came before there was anything to stop
            await asyncio.wait([waiting], timeout=_AGAIN)
        waiting.exception()  # how it ended is no news
        raise


async def _limited(awaitable: Awaitable[T], seconds: float | None) -> T:
    _depth.set(_depth.get() + 1)  # in the context of this task alone
    _host.set(None)
    if (task := asyncio.current_task()) is not None:
        task.add_done_callback(_looked_at)
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            result = await awaitable
    except TimeoutError:
        if limit.expired():
            raise Overrun from None
        raise
    if (when := limit.when()) is not None and asyncio.get_running_loop().time() > when:
        raise Overrun  # it took no notice of being cancelled, or left the loop no moment to do so
    return result


def _looked_at(task: asyncio.Task[Any]) -> None:
    """Take note of how a coroutine has ended: for one that was abandoned nobody else does."""
    if not task.cancelled():
        task.exception()


def _wait(future: Future[T], timeout: float | None) -> T:
    limit = None if timeout is None else min(timeout + GRACE, threading.TIMEOUT_MAX)
    try:
        return future.result(limit)
    except BaseException as error:
        over = isinstance(error, TimeoutError)
        if future.done() and not future.cancelled():
            if over:
                return future.result()  # its own, or it ended just now
            raise
        future.cancel()
        _bridge.suspect()
        if over:
            raise Overrun(abandoned=True) from None
        raise


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _run_nested(
    loop: asyncio.AbstractEventLoop, awaitable: Awaitable[T], timeout: float | None, stop: _Stop | None
) -> T:
    import nest_asyncio2  # noqa: PLC0415 -- patches asyncio, so only when it was asked for

    nest_asyncio2.apply(loop)
    task = loop.create_task(_limited(awaitable, timeout))
    forget = None if stop is None else stop(lambda: loop.call_soon_threadsafe(task.cancel))
    try:
        return loop.run_until_complete(task)
    except asyncio.CancelledError:
        raise CancelledError from None
    finally:
        if forget is not None:
            forget()
