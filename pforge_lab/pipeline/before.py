"""Variables as they were before a step that may leave them changed and not be done."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping


class Before:
    """Copies of what a step reads, where no snapshot has them: for a step that is retried or may fail.

    What cannot be copied (a connection, a lock) is handed on as it is.

    Parameters
    ----------
    scope
        The variables.
    names
        Of those that the step reads.

    Examples
    --------
    >>> scope = {"items": [1, 2]}
    >>> before = Before(scope, ["items"])
    >>> scope["items"].clear()
    >>> before.scope()
    {'items': [1, 2]}
    """

    def __init__(self, scope: Mapping[str, Any], names: Iterable[str]) -> None:
        self._scope = dict(scope)
        self._names = [name for name in names if name in scope]
        self._copies = self._copied(self._scope, self._names)

    def scope(self, names: Collection[str] | None = None) -> dict[str, Any]:
        """Return the variables as they were, or those of these names; each time anew."""
        if names is None:
            return self._scope | self._copied(self._copies, self._names)
        return self._copied(self._copies, [name for name in self._names if name in names])

    def _copied(self, values: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
        copies: dict[str, Any] = {}
        memo: dict[int, Any] = {}  # one for all, so that what they share stays shared
        for name in names:
            try:
                copies[name] = deepcopy(values[name], memo)
            except Exception:  # noqa: BLE001 - whatever an object says that cannot be copied
                copies[name] = values[name]
        return copies
