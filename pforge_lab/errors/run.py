"""Errors of runs and their steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pforge_lab.errors.base import PforgeError

if TYPE_CHECKING:
    from datetime import datetime


class StepError(PforgeError):
    """A tool raised; the original is ``__cause__``. The run is at the position before the step.

    Examples
    --------
    >>> import pforge_lab as pf
    >>> def ratio(x: int): return 1 / x
    >>> run = pf.Pipeline.from_functions("ratios", ratio).start({"x": 0}, state="memory:")
    >>> try:
    ...     run.step()
    ... except pf.StepError as error:
    ...     error.step, error.label, error.__cause__
    (1, 'ratio', ZeroDivisionError('division by zero'))
    >>> run.position, run.status
    (0, 'failed')
    """

    run: str | None = None
    step: int | None = None
    label: str | None = None
    tool: str | None = None


class StepTimeout(StepError):
    """A tool took longer than its timeout, which was so many ``seconds``.

    Examples
    --------
    >>> import time, pforge_lab as pf
    >>> nap = pf.Step(lambda: time.sleep(0.2), label="nap", timeout_ms=10)
    >>> try:
    ...     pf.Pipeline("naps", steps=[nap]).run(state="memory:")
    ... except pf.StepTimeout as error:
    ...     error.label, error.seconds
    ('nap', 0.01)
    """

    seconds: float | None = None


class RunError(PforgeError):
    """A run cannot do what was asked.

    Examples
    --------
    >>> import pforge_lab as pf
    >>> def one(): return 1
    >>> pf.Pipeline.from_functions("p", one).start(state="memory:").set()
    Traceback (most recent call last):
        ...
    pforge_lab.errors.RunError: set takes at least one NAME=VALUE
    """

    run: str | None = None


class RunNotFound(RunError, LookupError):
    """There is no run of that id in the places that were looked at.

    Examples
    --------
    >>> import pforge_lab as pf
    >>> pf.open_run("nope", state="memory:nothing-here")
    Traceback (most recent call last):
        ...
    pforge_lab.errors.RunNotFound: there are no runs in memory:nothing-here yet; ...
    """


class PositionError(RunError, LookupError):
    """There is no such position or label on the run's current line.

    Examples
    --------
    >>> import pforge_lab as pf
    >>> def half(x: float): return x / 2
    >>> pf.Pipeline.from_functions("halves", half).start({"x": 1.0}, state="memory:").goto("hlaf")
    Traceback (most recent call last):
        ...
    pforge_lab.errors.PositionError: there is no step 'hlaf', did you mean 'half'?
    """


class VariableNotFound(RunError, LookupError):
    """There is no variable of that name at that position.

    Examples
    --------
    >>> import pforge_lab as pf
    >>> def half(x: float): return x / 2
    >>> pf.Pipeline.from_functions("halves", half).start({"x": 1.0}, state="memory:")["y"]
    Traceback (most recent call last):
        ...
    pforge_lab.errors.VariableNotFound: there is no variable 'y' at position 0; there are 'x'
    """

    name: str | None = None


class RunBusy(RunError):
    """The run is being advanced by somebody else.

    Examples
    --------
    >>> error = RunBusy("run r1 is being advanced by process 42", run="r1", owner="process 42")
    >>> error.run, error.owner
    ('r1', 'process 42')
    """

    owner: str | None = None
    since: datetime | None = None


class NotKept(RunError):
    """The value could not be serialised when its snapshot was taken.

    Examples
    --------
    >>> import pforge_lab as pf
    >>> def numbers(): return (i for i in range(3))
    >>> run = pf.Pipeline.from_functions("p", numbers).start(state="memory:")
    >>> record = run.step()
    >>> try:
    ...     run.at(1)["numbers"]
    ... except pf.NotKept as error:
    ...     error.name, error.label
    ('numbers', 'numbers')
    """

    name: str | None = None
    reason: str | None = None
    label: str | None = None
