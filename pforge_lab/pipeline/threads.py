"""Functions on threads: interrupted at their next bytecode, left behind where that does not come."""

from __future__ import annotations

import contextvars
import threading
from typing import TYPE_CHECKING, TypeVar

from pforge_lab.interrupts import interrupt

from .calls import GRACE, Cancelled

if TYPE_CHECKING:
    from collections.abc import Callable

    from .calls import Stop

T = TypeVar("T")


def interruptible(function: Callable[[], T], stop: Stop | None) -> T:
    """Call a function that ``stop`` ends at its next bytecode.

    Raises
    ------
    Cancelled
        It was stopped.
    """
    if stop is None:
        return function()
    thread, lock, over = threading.get_ident(), threading.Lock(), False

    def end() -> None:
        nonlocal over
        with lock:  # not once it has returned: its thread does other things then
            if not over:
                over = True  # nor twice: the second would meet the thread while it takes note of the first
                interrupt(thread)

    try:
        forget = stop.add(end, thread=thread)
        try:
            return function()
        finally:
            with lock:
                over = True
            forget()
    except KeyboardInterrupt:
        if stop.event.is_set():
            raise Cancelled from None
        raise


def within(
    seconds: float | None, function: Callable[[], T], stop: Stop | None, tool: str
) -> tuple[bool, T | None]:
    """Call a function on a thread and wait so long; return whether it ended, and its result.

    The thread of a function that overruns is abandoned: Python cannot end it. So is that of one which is
    stopped and does not come to its next bytecode within `GRACE`.

    Raises
    ------
    Cancelled
        It was stopped meanwhile.
    """
    box: list[T] = []
    failure: list[BaseException] = []
    context = contextvars.copy_context()
    over, ended = threading.Event(), threading.Event()

    def work() -> None:
        try:
            box.append(context.run(interruptible, function, stop))
        except BaseException as error:  # noqa: BLE001 -- raised again in the thread that waits
            failure.append(error)
        finally:
            ended.set()
            over.set()

    thread = threading.Thread(target=work, name="pforge-lab-step", daemon=True)
    thread.start()

    forget = None if stop is None else stop.add(over.set)
    try:
        over.wait(seconds)
    finally:
        if forget is not None:
            forget()
    if stop is not None and stop.event.is_set() and not ended.wait(GRACE):
        raise Cancelled.left(tool, "thread")
    if failure:
        raise failure[0]
    return (True, box[0]) if box else (False, None)
