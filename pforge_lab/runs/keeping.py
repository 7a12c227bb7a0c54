"""Records and the variables after them: kept together, or not at all."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from pforge_lab.errors import StateError
from pforge_lab.runs.generation import until_kept
from pforge_lab.runs.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from pforge_lab.runs.account import Account
    from pforge_lab.runs.manifest import Manifest
    from pforge_lab.runs.records import StepRecord, VariableSize
    from pforge_lab.runs.scope import Scope
    from pforge_lab.runs.timeline import Timeline
    from pforge_lab.runs.watching import Watchers

_LOOKING = 0.1  # seconds to size variables in when somebody looks at them


class Keeper:
    """Keeps what steps and edits did.

    Parameters
    ----------
    timeline, scope
        Where the run stands, and its live variables.
    watchers
        Are told of every record.

    Attributes
    ----------
    exact
        Whether variables are sized in full.
    """

    def __init__(self, timeline: Timeline, scope: Scope, watchers: Watchers) -> None:
        self.exact = False
        self._timeline = timeline
        self._scope = scope
        self._watchers = watchers
        self._ledger = Ledger()
        self._loads = -1

    def accept(
        self,
        record: Callable[..., StepRecord],
        values: dict[str, Any],
        *,
        last: bool,
        examine: Collection[str],
        output: object = None,
        seconds: float = 0.0,
    ) -> StepRecord:
        """Keep the record and the variables after it: both or neither.

        Parameters
        ----------
        record
            Makes the record from what is known when the variables are kept.
        values, output
            The variables, and the output of a step that no variable takes.
        last
            The caller advances no further after it.
        examine
            The variables that may have changed, are new or are gone.
        seconds
            What the step took.
        """
        scope = self._scope

        def keep() -> tuple[StepRecord, Manifest]:
            manifest = scope.snapshot(values, output, examine)
            changed = scope.changes(manifest)
            account = self._account(values, changed, examine, max(0.001, seconds / 10))
            lost = {name: why for name, why in manifest.not_kept.items() if name} if manifest.not_kept else {}
            shared = account.shared() if account.together else ()
            full = record(changed=changed, sizes=account.sizes, shared=shared, not_kept=lost)
            self._timeline.accept(full, manifest, scope.chunks, last=last)
            return full, manifest

        try:
            kept, manifest = until_kept(keep, scope.forget)
        except BaseException:
            self._recover()
            raise
        scope.adopt(manifest, values, examine)
        if self._watchers.present:
            self._watchers("kept", kept.label, kept)
        return kept

    def _account(
        self,
        values: Mapping[str, Any],
        changed: Collection[str],
        among: Collection[str] | None,
        budget: float,
    ) -> Account:
        """Return bytes per variable and who shares them, walking only what changed while the objects stay the same.

        ``among`` has the names that may be other objects than at the last account; None: any.
        """
        if self._loads != self._scope.loads:
            self._loads, self._ledger, among = self._scope.loads, Ledger(), None
        present = self._scope.present(values)
        counted = None if self.exact or among is None else self._ledger.counted(present, among)
        if counted is not None:
            return counted
        limit = None if self.exact else budget
        account = self._ledger.examine(present, changed=changed, among=among, budget=limit, exact=self.exact)
        position = self._timeline.position
        if not position or not self._ledger.hurried:
            return account
        return account.remembering(self._timeline.records[position - 1], changed)

    def live_sizes(self) -> dict[str, VariableSize]:
        """Return sizes of the live variables, as far as they are loaded; those there was no time for are looked at now."""
        return self._account(self._scope.loaded(), (), None, _LOOKING).sizes

    def _recover(self) -> None:
        """Stand where the store says: an interrupt may have come after the record had landed."""
        with suppress(StateError):  # the store that failed is told of by the error that is under way
            self._timeline.reread()
            self._scope.reload(self._timeline.manifest(self._timeline.position))
            return
        self._scope.reload()
