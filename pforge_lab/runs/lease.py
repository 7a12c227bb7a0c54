"""The right to advance a run: held by one process at a time, and free again when that one is gone.

A lease is a key with an expiry that its holder renews while it advances the run. Every change of
the run is guarded by it, so a process that was suspended past the expiry cannot write any more once
another one has taken over. On the same host a dead holder's lease is free at once.
"""

from __future__ import annotations

import secrets
import threading
from typing import TYPE_CHECKING

from pforge_lab.errors import StateError
from pforge_lab.runs.encoding import decoded, encoded
from pforge_lab.runs.owner import Owner

if TYPE_CHECKING:
    from pforge_lab.state import StateManager

SECONDS = 60.0  # a holder on another host that is gone blocks for as long
_RENEW = SECONDS / 3


def new_lease(owner: Owner) -> bytes:
    """Return the value of a lease of a process, unlike any other."""
    return encoded(owner.to_json() | {"lease": secrets.token_hex(8)})


def holder(lease: bytes) -> Owner:
    """Return who holds a lease."""
    facts = decoded(lease)
    facts.pop("lease")
    return Owner.from_json(facts)


class Renewer:
    """Renews the leases that this process holds, from one background thread.

    Examples
    --------
    >>> from pforge_lab.state import open_state
    >>> state = open_state("memory:")
    >>> state.set("lease", b"mine", ttl=SECONDS)
    >>> renewer = Renewer()
    >>> renewer.add(state, "lease")
    >>> renewer.renew()
    >>> renewer.remove(state, "lease")
    """

    def __init__(self) -> None:
        self._held: set[tuple[StateManager, str]] = set()
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, state: StateManager, key: str) -> None:
        """Renew a lease until it is removed."""
        with self._lock:
            self._held.add((state, key))
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="pforge leases", daemon=True)
                self._thread.start()

    def remove(self, state: StateManager, key: str) -> None:
        """Renew a lease no longer."""
        with self._lock:
            self._held.discard((state, key))

    def renew(self) -> None:
        """Renew all leases held; one that cannot be renewed is left to its commits, which are guarded."""
        with self._lock:
            held = list(self._held)
        for state, key in held:
            try:
                state.expire(key, SECONDS)
            except StateError:  # the store is gone or closed: the next commit says so
                self.remove(state, key)

    def _run(self) -> None:
        while not self._wake.wait(_RENEW):
            self.renew()


renewer = Renewer()
