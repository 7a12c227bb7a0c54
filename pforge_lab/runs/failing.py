"""A step that failed, as an error tells of it: what went wrong, where in whose code, and what to do next."""

from __future__ import annotations

import os
import sysconfig
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pforge_lab.errors import StepError, StepTimeout, one_line

if TYPE_CHECKING:
    from collections.abc import Collection

    from pforge_lab.runs.records import StepRecord

_PACKAGE = str(Path(__file__).resolve().parent.parent)
_LIBRARY = sysconfig.get_path("stdlib") + os.sep


def failure(
    record: StepRecord,
    error: BaseException,
    *,
    run: str,
    position: int,
    lost: str | None,
    stay: Collection[str],
) -> StepError:
    """Return the error of a step of a run that failed under fail_fast.

    Parameters
    ----------
    record
        Of the attempt.
    error
        What the tool raised.
    run, position
        The run, and where it stands.
    lost
        Why the tool's function could not be kept with the run, where that is the reason.
    stay
        Variables that no snapshot could keep, which are as the step has left them.
    """
    where = culprit(error)
    but = (
        f" (but for {', '.join(map(repr, sorted(stay)))}, not kept and so as the step has left it)"
        if stay
        else ""
    )
    message = (
        f"step {record.step} {record.label!r} failed: {one_line(error)}"
        + (f" (in {where})" if where else "")
        + (f"; it could not be kept with the run ({lost}): define it here" if lost else "")
        + f"; the run is at position {position} with the variables as before the step{but}: mend it and step again"
    )
    return step_error(message, error, run=run, step=record.step, label=record.label, tool=record.tool)


def culprit(error: BaseException) -> str | None:
    """Return ``function, file:line`` of the last frame that is neither ours nor a library's, Python's own included."""
    frames = traceback.extract_tb(error.__traceback__)
    foreign = (_PACKAGE, _LIBRARY, "<frozen")
    own = [
        frame
        for frame in frames
        if not frame.filename.startswith(foreign) and "site-packages" not in frame.filename
    ]
    if not own:
        return None
    last = own[-1]
    path = Path(last.filename)
    if path.parent.name.startswith("ipykernel_"):  # where kernels say that cells are
        return f"{last.name}, line {last.lineno} of its cell"
    return f"{last.name}, {path.name}:{last.lineno}"


def step_error(message: str, error: BaseException, **facts: Any) -> StepError:
    """Return the error that a failed step raises, of the kind that tells a timeout apart."""
    if isinstance(error, StepTimeout):
        return StepTimeout(message, seconds=error.seconds, **facts)
    return StepError(message, **facts)
