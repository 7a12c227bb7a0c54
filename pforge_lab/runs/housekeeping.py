"""Runs that are no longer wanted."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

from pforge_lab.errors import RunNotFound, near_misses
from pforge_lab.runs import api
from pforge_lab.runs.collection import Collected, collect_chunks
from pforge_lab.runs.journal import Journal
from pforge_lab.state import StateManager, open_state

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pforge_lab.runs.stores import Place


def delete_run(
    id: str,  # noqa: A002 - the public name
    *,
    state: Place | None = None,
    collect: bool = True,
) -> Collected | None:
    """Delete a run with all its lines, and the snapshots that no other run needs.

    Its records, snapshots, attempts and functions go in one transaction: whoever looks sees the
    whole run or none. Forks are runs of their own and stay whole, and so do carried variables.

    Parameters
    ----------
    id
        The whole id of the run.
    state
        Where it is; by default in one of the files of ``.pforge/``.
    collect
        Remove the chunks that nothing needs any more (`collect_chunks`), which reads the manifests
        of all runs in the store. To delete many runs, pass False for all but the last.

    Returns
    -------
    Collected
        What the collection removed and kept; None without one.

    Raises
    ------
    RunNotFound
        There is no run of that id.
    RunBusy
        A live process, or another thread, is advancing it.
    StateLocked
        A live process holds its store: delete the run there.
    StateError
        The store cannot be read or does not take the change, such as `StateReadOnly`.

    Notes
    -----
    A file gets smaller with ``state.compact()``.

    Examples
    --------
    >>> import pforge_lab as pf
    >>> state = pf.open_state("memory:housekeeping")
    >>> def load(n: int): return n
    >>> run = pf.Pipeline.from_functions("p", load).start({"n": 1}, state=state)
    >>> pf.delete_run(run.id, state=state)
    Collected(removed=0, spared=0, kept=0)
    >>> len(pf.runs(state))
    0
    """
    with _store_of(id, state) as store:
        run = api.opened(store, id)
        with nullcontext() if run is None else run.holding():
            Journal(store, id).delete()
            if run is not None:
                api.forget(run)
        return collect_chunks(store) if collect else None


@contextmanager
def _store_of(id: str, state: Place | None) -> Iterator[StateManager]:  # noqa: A002 - as in delete_run
    """Have the store of a run open for writing."""
    found = {row.id: row.place for row in api.summaries(state)}
    if id not in found:
        whole = "; give the whole id" if any(name.startswith(id) for name in found) else ""
        raise RunNotFound(f"there is no run {id!r}{near_misses(id, found)}{whole}", run=id)
    if isinstance(state, StateManager):
        yield state
        return
    with open_state(found[id]) as store:
        yield store
