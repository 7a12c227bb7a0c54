"""Which snapshots of a run stay: all, those of the last positions, or none beside the records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pforge_lab.errors import WrongValue
from pforge_lab.runs.manifest import Manifest

if TYPE_CHECKING:
    from pforge_lab.runs.lines import Lines
    from pforge_lab.runs.records import RunStatus

Amount = int | Literal["all", "records"]
Keep = Amount | Mapping[str, Amount]
Place = tuple[int, int]  # a line and a position that it holds

START: Place = (0, 0)
_ENDS = ("done", "failed")


@dataclass(frozen=True, slots=True)
class Retention:
    """How many snapshots stay: as a run goes on, when it is done, when it has failed; None for all.

    The snapshot at the start always stays: it holds the parameters, and lets the run be executed
    again. So does the one a run goes on from, unless the run is done.

    Examples
    --------
    >>> Retention.of(3), Retention.of("records")
    (Retention(going=3, done=3, failed=3), Retention(going=1, done=0, failed=1))
    >>> Retention.of({"done": "records", "failed": 3})
    Retention(going=None, done=0, failed=3)
    """

    going: int | None = None
    done: int | None = None
    failed: int | None = None

    @classmethod
    def of(cls, keep: Keep) -> Retention:
        """Return what ``keep=`` of `pforge_lab.Pipeline.start` means.

        Raises
        ------
        WrongValue
            It is none of ``"all"``, a number from 1 on, ``"records"``, or one of these for ``"done"``
            and ``"failed"``.
        """
        if not isinstance(keep, Mapping):
            number = _number(keep)
            least = number if number is None else max(1, number)
            return cls(least, number, least)
        if unknown := [key for key in keep if key not in _ENDS]:
            raise WrongValue(f"keep has rules for 'done' and for 'failed', not for {unknown[0]!r}")
        done, failed = (_number(keep.get(end, "all")) for end in _ENDS)
        return cls(None, done, failed if failed is None else max(1, failed))

    def amount(self, status: RunStatus) -> int | None:
        """Return how many snapshots stay in a run of that status, None for all."""
        return {"done": self.done, "failed": self.failed}.get(status, self.going)


def _number(amount: Any) -> int | None:
    if amount == "all":
        return None
    if amount == "records":
        return 0
    if isinstance(amount, int) and not isinstance(amount, bool) and amount >= 1:
        return amount
    raise WrongValue(f"keep is 'all', a number from 1 on, or 'records', not {amount!r}")


def wanted(lines: Lines, amount: int) -> set[Place]:
    """Return the start and the last places of the current line, up to where it stands."""
    first = max(0, lines.position - amount + 1)
    return {START} | {(lines.holder(position), position) for position in range(first, lines.position + 1)}


def slim(manifest: Manifest, keep: Keep) -> Manifest:
    """Return a manifest that names the variables and tells of them, and needs no chunks."""
    reason = f"its snapshot was removed, as the run keeps {described(keep)}"
    gone = dict.fromkeys(manifest.prints, reason)
    return Manifest((), {}, gone | manifest.not_kept, told=manifest.told)


def described(keep: Keep) -> str:
    """Return a rule in words.

    Examples
    --------
    >>> described(3), described({"done": "records", "failed": 1})
    ('the last 3', 'records only when done, the last 1 when failed')
    """
    if isinstance(keep, Mapping):
        return ", ".join(f"{described(amount)} when {end}" for end, amount in keep.items())
    return {"all": "all", "records": "records only"}.get(str(keep), f"the last {keep}")
