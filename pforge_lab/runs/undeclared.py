"""What a step changed though it names it neither as an input nor as its output."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from pforge_lab.runs.manifest import Manifest
    from pforge_lab.runs.records import StepRecord


class UndeclaredChange(UserWarning):
    """A step of a run that verifies has changed variables that it does not name; the message says which.

    The record is kept, and has them in ``undeclared``.

    Examples
    --------
    >>> import warnings
    >>> import pforge_lab as pf
    >>> seen = []
    >>> def rows(): return {"seen": seen}
    >>> def other(): seen.append(1)
    >>> run = pf.Pipeline.from_functions("p", rows, other).start(state="memory:", verify=True)
    >>> with warnings.catch_warnings(record=True, action="always") as told:
    ...     record = run.step(2)
    >>> told[0].category.__name__, record.undeclared
    ('UndeclaredChange', ('rows',))
    """


def undeclared(changed: Collection[str], declared: Collection[str], before: Manifest) -> tuple[str, ...]:
    """Return what was changed of variables that were there, neither declared nor sharing objects with what is.

    Parameters
    ----------
    changed
        Names of what the step changed, sorted.
    declared
        Names of its inputs and of what it wrote, or what was dropped after it.
    before
        The snapshot that it started from.

    Examples
    --------
    >>> from pforge_lab.runs.snapshots import Snapshots
    >>> from pforge_lab.state import open_state
    >>> rows = [1]
    >>> before = Snapshots(open_state("memory:")).take({"rows": rows, "same": {"rows": rows}, "other": []})
    >>> undeclared(["other", "rows", "same"], {"rows"}, before)
    ('other',)
    """
    covered = before.sharing(declared)
    return tuple(name for name in changed if name in before.prints and name not in covered)


def noting(
    make: Callable[..., StepRecord], declared: Collection[str], before: Manifest
) -> Callable[..., StepRecord]:
    """Return what makes the same record, with what was changed undeclared."""

    def made(changed: Collection[str], **known: Any) -> StepRecord:
        return make(changed=changed, undeclared=undeclared(changed, declared, before), **known)

    return made


def tell(run: str, record: StepRecord) -> None:
    """Warn, in one line, of what a step changed that it does not name."""
    names = ", ".join(record.undeclared)
    warnings.warn(
        f"run {run}: step {record.step} {record.label!r} changed {names}, which it does not name; "
        f"give it as an input, or have the step that made it return a copy (run.at({record.index - 1}) has it "
        "as it was)",
        UndeclaredChange,
        stacklevel=2,
    )
