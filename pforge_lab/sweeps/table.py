"""The result of a sweep: one row per parameter set."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pforge_lab.late import pd

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

FACTS = ("status", "seconds", "peak", "error", "run", "notebook")


@dataclass(frozen=True, slots=True)
class Member:
    """What became of one parameter set.

    Attributes
    ----------
    status
        ``done``, or as the run stands.
    seconds
        Time spent in its steps.
    peak
        Highest peak of resident memory of its steps in bytes, or None.
    run
        Id of the run, for ``pf.open_run``.
    notebook
        Path of the output, of a run of a notebook.
    """

    params: Mapping[str, Any]
    status: str
    seconds: float | None = None
    peak: int | None = None
    outputs: Mapping[str, Any] = field(default_factory=dict)
    error: str | None = None
    run: str | None = None
    notebook: str | None = None


def sweep_frame(members: Iterable[Member], outputs: Collection[str] = ()) -> pd.DataFrame:
    """Return parameters, ``status seconds peak``, the outputs, ``error``, ``run`` and ``notebook`` as columns.

    A parameter or output that goes by the name of another column has ``param.`` or ``output.``
    before it.

    Examples
    --------
    >>> frame = sweep_frame([Member({"n": 1}, "done", 0.5, 10**6, {"twice": 2}, run="r@1")], ["twice"])
    >>> frame.columns.to_list()
    ['n', 'status', 'seconds', 'peak', 'twice', 'error', 'run']
    """
    rows = list(members)
    params = list(dict.fromkeys(name for row in rows for name in row.params))
    columns: dict[str, list[Any]] = {}
    for name in params:
        columns[f"param.{name}" if name in FACTS else name] = [row.params.get(name) for row in rows]
    for name in FACTS[:3]:
        columns[name] = [getattr(row, name) for row in rows]
    for name in outputs:
        shown = f"output.{name}" if name in columns or name in FACTS else name
        columns[shown] = [row.outputs.get(name) for row in rows]
    for name in FACTS[3:] if any(row.notebook for row in rows) else FACTS[3:-1]:
        columns[name] = [getattr(row, name) for row in rows]
    frame = pd.DataFrame({name: pd.Series(_cells(values)) for name, values in columns.items()})
    return frame.astype({"peak": "Int64", "error": object, "seconds": float})


def _cells(values: list[Any]) -> list[Any] | pd.Series:
    """Return values as cells of their own type, some of which may lack: frames and lists stay whole objects."""
    kinds = {type(value) for value in values if value is not None}
    if kinds == {int} and None in values and _fits(values, 2**63 - 1):
        return pd.Series(values, dtype="Int64")
    if kinds in ({bool}, {str}, {float}) or (kinds == {int} and None not in values):
        return values
    if kinds == {int, float} and _fits(values, 2**53):  # what a float is exact for
        return values
    cells = pd.Series([None] * len(values), dtype=object)
    for place, value in enumerate(values):
        cells.iat[place] = value  # iloc would spread a list over cells
    return cells


def _fits(values: list[Any], most: int) -> bool:
    return all(abs(value) <= most for value in values if type(value) is int)
