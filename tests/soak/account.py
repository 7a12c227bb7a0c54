"""What a soak found: operations acknowledged and lost, errors and recoveries, by scenario."""

from __future__ import annotations

import platform
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime


@dataclass
class Account:
    """One scenario on one store.

    Attributes
    ----------
    acknowledged
        Operations that a worker was told are stored.
    lost
        Of these, how many the store does not have afterwards; must be 0.
    torn
        Batches of which a part is there; must be 0.
    wrong
        Values that are not what was stored, counters outside their bounds; must be 0.
    disturbances
        Kills, restarts, cuts, flips, jumps.
    recoveries
        How often the store was opened and worked after a disturbance.
    errors
        What workers and openings were told, by kind of error.
    """

    scenario: str
    store: str
    acknowledged: int = 0
    lost: int = 0
    torn: int = 0
    wrong: int = 0
    disturbances: int = 0
    recoveries: int = 0
    errors: Counter[str] = field(default_factory=Counter)

    @property
    def is_clean(self) -> bool:
        """Whether nothing was lost, torn or wrong, and the scenario did happen."""
        return not (self.lost or self.torn or self.wrong) and self.acknowledged > 0


COLUMNS = (
    "scenario",
    "store",
    "acknowledged",
    "lost",
    "torn",
    "wrong",
    "disturbances",
    "recoveries",
    "errors seen",
)


def table(accounts: list[Account]) -> str:
    """Return the accounts as a table of Markdown."""
    rows = [COLUMNS, tuple("---" for _ in COLUMNS)]
    for one in accounts:
        errors = ", ".join(f"{name} {count}" for name, count in sorted(one.errors.items())) or "none"
        numbers = (one.acknowledged, one.lost, one.torn, one.wrong, one.disturbances, one.recoveries)
        rows.append((one.scenario, one.store, *(f"{number:,}" for number in numbers), errors))
    where = (
        f"Python {platform.python_version()}, {platform.system()} {platform.release()}, {platform.machine()}"
    )
    return "\n".join(
        [f"{datetime.now(UTC):%Y-%m-%d}, {where}", "", *(f"| {' | '.join(row)} |" for row in rows)]
    )
