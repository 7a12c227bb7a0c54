"""Executing a pipeline over and over, to see whether it leaks."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pforge_lab import meter
from pforge_lab.errors import WrongValue
from pforge_lab.late import pd
from pforge_lab.runs.growth import Growth
from pforge_lab.runs.ledger import account
from pforge_lab.runs.unrecorded import executed
from pforge_lab.state.memory import MemoryStateManager

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pforge_lab.pipeline.spec import Pipeline
    from pforge_lab.state import StateManager

LEAST = 50


def repeat(
    pipeline: Pipeline,
    n: int = LEAST,
    inputs: Mapping[str, Any] | None = None,
    *,
    carry: bool = False,
    state: StateManager | None = None,
) -> Growth:
    """Execute a pipeline ``n`` times in this process and say what grows from one time to the next.

    Nothing is recorded: no run is made. Before the first that counts there are ``n // 10`` more,
    because what is loaded or cached once is no leak. After each, garbage is collected and freed
    memory returned, which costs 10 to 50 ms.

    Parameters
    ----------
    n
        Times that count. Resident memory comes in pages and pools, so that a slope over 50 times
        shows 100 KB each which a single difference cannot.
    inputs
        Values of the params.
    carry
        Start each with the final variables of the one before, as ``start(..., carry=...)`` does;
        ``inputs`` are then those of the first.
    state
        For tools that ask for a state manager; by default one in memory, whose growth is shown.

    Returns
    -------
    Growth
        Its ``verdict`` is one sentence, its ``table`` has growth and standard error by variable.

    Raises
    ------
    WrongValue
        ``n`` is below 50.
    StepError
        A step failed under ``fail_fast``.

    Examples
    --------
    >>> import pforge_lab as pf
    >>> def squares(n: int): return [i * i for i in range(n)]
    >>> growth = pf.Pipeline.from_functions("squares", squares).repeat(50, {"n": 1000})
    >>> growth.leaks, list(growth.table["variable"])
    (False, ['n', 'squares', 'in no variable'])
    """
    if n < LEAST:
        raise WrongValue(f"a leak shows as a slope over at least {LEAST} repetitions, not {n}")
    store = MemoryStateManager() if state is None else state
    rows: list[dict[str, float]] = []
    before: dict[str, Any] = {}
    with _old_objects_apart():
        for number in range(-(n // 10), n):
            given = {name: value for name, value in before.items() if name in pipeline.params} or inputs
            values = _once(pipeline, before | pipeline.check_params(given), store)
            before = values if carry else {}
            row = _sample(values)
            del values
            if number >= 0:
                rows.append({"repetition": number + 1, **row})
    return Growth(pipeline.name, pd.DataFrame(rows))


@contextmanager
def _old_objects_apart() -> Iterator[None]:
    """Have the garbage collector look at objects made from here on only: all of a notebook's take it 0.2 s and more."""
    if gc.get_freeze_count():  # somebody else has put some apart, and may count on it
        yield
        return
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _once(pipeline: Pipeline, scope: dict[str, Any], store: StateManager) -> dict[str, Any]:
    """Execute all steps and return the variables."""
    for _ in executed(pipeline, scope, store):
        pass
    return scope


def _sample(values: dict[str, Any]) -> dict[str, float]:
    """Return bytes by variable, and what is resident when nothing freed is held back."""
    sizes = {name: size.bytes for name, size in account(values).items()}
    gc.collect()
    meter.return_freed_memory()
    return {"resident": meter.exit(meter.enter()).after, **sizes}
