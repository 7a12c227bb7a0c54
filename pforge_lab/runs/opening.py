"""Runs that are there already: opened in any process, each once in this one."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import TYPE_CHECKING

from pforge_lab.errors import RunNotFound, near_misses
from pforge_lab.pipeline.modules import register_folder
from pforge_lab.pipeline.spec import Pipeline
from pforge_lab.runs import functions, places
from pforge_lab.runs.journal import Journal
from pforge_lab.runs.listing import summaries
from pforge_lab.runs.run import Run
from pforge_lab.runs.snapshots import Snapshots
from pforge_lab.runs.stores import reopened
from pforge_lab.state import StateManager

if TYPE_CHECKING:
    from collections.abc import Collection

    from pforge_lab.runs.checkpoint import Checkpoint
    from pforge_lab.runs.glances import RunSummary
    from pforge_lab.runs.stores import Place

_open: weakref.WeakValueDictionary[tuple[str, str, str], Run] = weakref.WeakValueDictionary()


def open_run(
    id: str | None = None,  # noqa: A002 - the public name
    *,
    state: Place | None = None,
    trust: Collection[str] = (),
) -> Run:
    """Open a run in this process, to look at it or to go on; the latest one without an id.

    Parameters
    ----------
    id
        The run's id, or a beginning of it that only one run has.
    state
        Where to look; by default into all files of ``.pforge/``. A run whose store a live process
        holds is opened for looking only, and shows what that process has made of it whenever it is
        looked at.
    trust
        Names beyond the safe list that may be built from data signed with another key;
        ``"functions"`` stands for the run's notebook functions.

    Raises
    ------
    RunNotFound
        No run, or several, go by that id.
    StateError
        ``state`` cannot be opened, or there is nothing there.

    Notes
    -----
    Reads the heads of all runs in the places looked at; of the one that is opened its definition and
    the records of its line. Variables load when they are looked at.

    Examples
    --------
    >>> import pforge_lab as pf
    >>> def one(): return 1
    >>> run = pf.Pipeline.from_functions("p", one).start(state="memory:opening")
    >>> pf.open_run(state="memory:opening").finish().variables["one"]
    1
    """
    found = summaries(state)
    chosen = _choose(id, found, state)
    store = state if isinstance(state, StateManager) else reopened(chosen.place)
    known = _open.get((store.url, store.mode, chosen.id))
    if known is not None and known.state is store:
        if store is not state:
            store.close()  # opened once more above; the run holds it already
        if known.is_behind():
            known.refresh()
        return known
    return remember(load(store, chosen.id, trust=trust))


def load(
    store: StateManager,
    id: str,  # noqa: A002 - as in open_run
    *,
    trust: Collection[str] = (),
    pipeline: Pipeline | None = None,
) -> Run:
    """Load a run of a store by its whole id, whether it is open already or not.

    Parameters
    ----------
    store, id, trust
        As `open_run`.
    pipeline
        Go on with this one, of the same definition, whose functions may have changed; by default
        with the one that is kept.
    """
    journal = Journal(store, id)
    facts = journal.definition()
    register_folder(Path(facts["base_dir"]))  # where pickled classes of modules beside the file are found
    if pipeline is None:
        kept = functions.restore(journal.functions(), id, trusted="functions" in trust)
        pipeline = Pipeline.from_dict(
            facts["pipeline"], base_dir=facts["base_dir"], source=facts["source"], functions=kept
        )
        left_out = facts["left_out"]
    else:
        left_out = {}
    return Run(
        journal,
        pipeline,
        facts["params"],
        Snapshots(store, trust),
        drop_unused=facts["drop_unused"],
        left_out=left_out,
    )


def resume(checkpoint: Checkpoint, *, state: Place | None = None) -> Run:
    """Return the run of a checkpoint, standing there."""
    resumed = open_run(checkpoint.run, state=state if state is not None else checkpoint.place)
    resumed.switch(checkpoint.line, checkpoint.position)
    return resumed


def opened(state: StateManager, id: str) -> Run | None:  # noqa: A002 - as in open_run
    """Return the run when this process has it open, else None."""
    run = _open.get((state.url, state.mode, id))
    return run if run is not None and run.state is state else None


def remember(run: Run) -> Run:
    """Have `open_run` return this run as long as somebody holds it."""
    _open[run.state.url, run.state.mode, run.id] = run
    return run


def forget(run: Run) -> None:
    """Let `open_run` find a run in its store, and no longer the one that is open."""
    _open.pop((run.state.url, run.state.mode, run.id), None)


def _choose(id: str | None, found: list[RunSummary], state: Place | None) -> RunSummary:  # noqa: A002 - as in open_run
    if not found:
        where = places.folder() if state is None else state.url if isinstance(state, StateManager) else state
        raise RunNotFound(
            f"there are no runs in {where} yet; start one with pipeline.start(...) or the command start",
            run=id,
        )
    if id is None:
        return found[0]
    matches = [row for row in found if row.id == id] or [row for row in found if row.id.startswith(id)]
    if len(matches) == 1:
        return matches[0]
    if matches:
        names = ", ".join(row.id for row in matches[:5])
        raise RunNotFound(f"several runs begin with {id!r}: {names}; give more of the id", run=id)
    raise RunNotFound(f"there is no run {id!r}{near_misses(id, [row.id for row in found])}", run=id)
