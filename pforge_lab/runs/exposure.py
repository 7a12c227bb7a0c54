"""Which variables of a run somebody outside of it may hold, and change in place."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from pforge_lab.runs.wholeness import is_whole

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from pforge_lab.runs.live import Live
    from pforge_lab.runs.manifest import Manifest


def _holders(values: Mapping[str, object], name: str) -> int:
    return sys.getrefcount(values[name])


_ALONE = _holders({"": object()}, "")


class Exposure:
    """Names of the variables that were handed out, or hold what was.

    An object that was handed out stays so when its name is given another one: whatever shared objects with it
    holds it still.
    """

    def __init__(self) -> None:
        self._names: set[str] = set()

    @property
    def any(self) -> bool:
        """Whether there are any."""
        return bool(self._names)

    def add(self, names: Collection[str], manifest: Manifest) -> None:
        """Note that variables were handed out or came from outside; with them what shares objects with them in ``manifest``."""
        self._names = manifest.sharing({*self._names, *names})

    def follow(
        self, before: Mapping[str, Any], after: Mapping[str, Any], examined: Collection[str] | None
    ) -> None:
        """Take note of what a step did: where something handed out lost its name, what the step made may hold it.

        Parameters
        ----------
        before, after
            The variables.
        examined
            Names of what it made or may have changed; None: any.
        """
        if any(after.get(name) is not before.get(name) for name in self._names):
            self._names.update(after if examined is None else examined)

    def held(self, live: Live) -> set[str]:
        """Return the names of variables that can be changed in place and somebody may hold.

        Also where nothing handed them out, such as a tool that keeps what it returned. To be asked while nobody
        else has a name for the values: that would be a holder too.
        """
        values = live.objects
        return {  # the values get no name here: that would be one holder more
            name for name in live.opened() if name in self._names or _holders(values, name) > _ALONE
        }

    def examined(self, live: Live) -> None:
        """Take note that what was `held` was just examined: what nobody can hold any more is free of it."""
        if not self._names:
            return
        values = live.objects
        self._names = {  # as above, no names for values
            name
            for name in self._names & values.keys()
            if not is_whole(values[name]) or _holders(values, name) > _ALONE
        }
