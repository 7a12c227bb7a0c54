"""One call of a tool: how long it may take, what it is handed, and what stops it."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

from pforge_lab.errors import StepTimeout
from pforge_lab.quick import quickly_made

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from .functions import Source
    from .outcome import ChildOutcome, Listener
    from .policies import Retry


GRACE: Final = 1.0
"""Seconds that a function has to end once it is stopped; one that does not is abandoned."""


class Cancelled(Exception):
    """The call was stopped because a step beside it failed.

    Attributes
    ----------
    abandoned
        Whether it goes on all the same: the objects it was given are not to be used again.
    """

    abandoned = False

    @classmethod
    def left(cls, tool: str, where: str) -> Cancelled:
        """Return the error for a call that goes on although it was stopped."""
        error = cls(f"{tool!r} did not end when it was stopped and was abandoned on its {where}")
        error.abandoned = True
        return error


class Stop:
    """Lets one thread stop the calls of others: by flag, and by whatever each call registers."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._actions: list[tuple[Callable[[], object], int | None]] = []
        self.event = threading.Event()

    def __call__(self) -> None:
        """Stop all that is registered, and all that will be."""
        with self._lock:
            self.event.set()
            actions = list(self._actions)
        for action, _ in actions:
            action()

    @property
    def ends_at_once(self) -> bool:
        """Whether there are calls to stop, and each of them would end at once.

        Examples
        --------
        >>> stop = Stop()
        >>> forget = stop.add(lambda: None)
        >>> stop.ends_at_once
        True
        >>> forget = stop.add(lambda: None, thread=1)
        >>> stop.ends_at_once
        False
        """
        with self._lock:
            actions = list(self._actions)
        return bool(actions) and all(
            action.ends_at_once if isinstance(action, Stop) else thread is None for action, thread in actions
        )

    def waits_for(self, thread: int | None) -> bool:
        """Return whether a function that can be stopped has not ended in a thread.

        Examples
        --------
        >>> stop = Stop()
        >>> forget = stop.add(lambda: None, thread=1)
        >>> stop.waits_for(1), stop.waits_for(2)
        (True, False)
        """
        with self._lock:
            actions = list(self._actions)
        return any(
            action.waits_for(thread) if isinstance(action, Stop) else of is not None and of == thread
            for action, of in actions
        )

    @contextmanager
    def within(self, outer: Stop | None) -> Iterator[None]:
        """Be called, too, when what encloses this is stopped."""
        forget = None if outer is None else outer.add(self)
        try:
            yield
        finally:
            if forget is not None:
                forget()

    def add(self, action: Callable[[], object], *, thread: int | None = None) -> Callable[[], None]:
        """Register what stops a call; returns the function that forgets it again.

        Parameters
        ----------
        thread
            Where a Python function runs, which goes on to its next bytecode; None for a call that ends at
            once, as a process that is killed does.
        """
        registered = (action, thread)
        with self._lock:
            self._actions.append(registered)
            stopped = self.event.is_set()
        if stopped:
            action()

        def forget() -> None:
            with self._lock:
                self._actions.remove(registered)

        return forget


@quickly_made
@dataclass(frozen=True, slots=True)
class Execution:
    """What surrounds one execution of a step.

    Attributes
    ----------
    resources
        Values for parameters annotated with these types.
    before_retry
        Gives the scope for a further attempt, its variables as they were before the step.
    stop
        Stops the step from another thread, or None when nothing runs beside it.
    deadline
        Moment (of the monotonic clock) at which an enclosing step's time is over.
    metered
        Whether the memory of parts is measured, for 10 µs each.
    """

    resources: Mapping[type, object] = field(default_factory=dict)
    listener: Listener | None = None
    before_retry: Callable[[], Mapping[str, Any]] | None = None
    stop: Stop | None = None
    deadline: float | None = None
    metered: bool = False


@dataclass(slots=True)
class Call:
    """What a tool knows of the step that calls it.

    Attributes
    ----------
    label
        The step's label.
    timeout
        Seconds that the call may take, or None.
    resources
        Values for parameters annotated with these types.
    listener
        Who hears lines of output, or None.
    stop
        Stops the call from another thread, or None when nothing runs beside it.
    last
        Whether no further attempt follows if this one fails.
    metered
        Whether tools with parts meter each of them.
    children
        Filled by tools that have parts.
    child_peak
        Filled by tools that start a process whose peak of resident memory can be told, in bytes.
    abandoned
        Set by tools with parts when one of them was abandoned although the call goes on.
    """

    label: str
    timeout: float | None
    resources: Mapping[type, object]
    listener: Listener | None
    stop: Stop | None = None
    last: bool = True
    metered: bool = False
    children: list[ChildOutcome] = field(default_factory=list)
    child_peak: int | None = None
    abandoned: bool = False

    def overrun(self, tool: str, what: str, *, abandoned: bool = False) -> StepTimeout:
        """Return the error for a call that took too long."""
        return StepTimeout(
            f"step {self.label!r}: {tool!r} took longer than {self.timeout:g} s and {what}; "
            "raise timeout_ms, or give it less to do",
            label=self.label, tool=tool, seconds=self.timeout, abandoned=abandoned,
        )  # fmt: skip


class Box(Protocol):
    """Where a tool finds what it is made of."""

    @property
    def folder(self) -> Path:
        """Folder of the pipeline's file, or where the process is."""

    @property
    def definitions(self) -> Mapping[str, Any]:
        """Declared tools by name."""

    @property
    def functions(self) -> Mapping[str, Any]:
        """Functions given as Python objects by the name of the tool."""

    def find(self, name: str) -> Tool:
        """Return the tool of that name."""

    def handler(self, name: str, path: str) -> Source:
        """Return the function of a native tool."""


class Tool(Protocol):
    """Something a step can call."""

    name: str
    retry: Retry | None
    timeout: float | None

    def call(self, arguments: Mapping[str, Any], call: Call) -> Any:
        """Return the tool's output for these arguments.

        Raises
        ------
        ParamError
            The arguments are wrong.
        StepTimeout
            The call took longer than ``call.timeout``.
        Exception
            Whatever else goes wrong, as it was raised.
        """

    def fingerprint(self) -> str | None:
        """Return a hash of the tool's code as it is now, or None if it has none."""
