"""Sizes of variables that there was no time for when their step was done, taken from its snapshot."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pforge_lab.errors import UntrustedData
from pforge_lab.runs.ledger import examine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pforge_lab.runs.account import Account
    from pforge_lab.runs.manifest import Group, Manifest
    from pforge_lab.runs.records import StepRecord, VariableSize
    from pforge_lab.runs.snapshots import Snapshots


class Completion:
    """Completes records on demand; what is the same in several snapshots is loaded once.

    Costs the time to load such a variable, and its memory while it is looked at. The copy from the
    snapshot may differ a little from what was live, so that its size stays marked as approximate.
    What may not be loaded, or is no longer kept, stays as it was estimated.

    Parameters
    ----------
    manifest
        Gives the snapshot at a position.
    snapshots
        Loads.
    """

    def __init__(self, manifest: Callable[[int], Manifest], snapshots: Snapshots) -> None:
        self._manifest = manifest
        self._snapshots = snapshots
        self._known: dict[tuple[str, ...], Account | None] = {}  # by digest and names

    def of(self, records: Iterable[StepRecord]) -> tuple[StepRecord, ...]:
        """Return the records, sizes of hurried variables completed."""
        return tuple(
            self._completed(record) if any(size.hurried for size in record.sizes.values()) else record
            for record in records
        )

    def _completed(self, record: StepRecord) -> StepRecord:
        manifest = self._manifest(record.index)
        sizes, shared = dict(record.sizes), list(record.shared)
        for group in manifest.groups:
            names = [name for name in sizes if name in group.names]
            if not any(sizes[name].hurried for name in names):
                continue
            account = self._account(manifest, group, names)
            if account is None:
                continue
            beside = [pair for pair in shared if not set(pair[0]).issubset(names)]
            sizes |= {name: _completed_size(name, account.sizes[name], names, beside) for name in names}
            shared = [*beside, *account.shared()]
        return replace(record, sizes=sizes, shared=tuple(shared))

    def _account(self, manifest: Manifest, group: Group, names: list[str]) -> Account | None:
        key = (group.digest, *names)
        if key not in self._known:
            try:
                values = self._snapshots.load(manifest, names)
            except UntrustedData:  # looking at sizes asks for nobody's trust
                self._known[key] = None
            else:
                self._known[key] = examine({name: values[name] for name in names})
        return self._known[key]


def _completed_size(
    name: str, size: VariableSize, group: list[str], beside: list[tuple[tuple[str, ...], int]]
) -> VariableSize:
    """Return a size without what counts at an owner before it that was loaded apart from it."""
    elsewhere = sum(held for owners, held in beside if name in owners and owners[0] not in group)
    return replace(size, bytes=max(size.bytes - elsewhere, 0), approx=True)
