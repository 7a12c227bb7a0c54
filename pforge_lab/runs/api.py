"""The doors to runs: start one, list them, open one in any process."""

from __future__ import annotations

import os
import weakref
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pforge_lab.errors import RunNotFound, StateError, StateLocked, UsageError, near_misses
from pforge_lab.pipeline.modules import register_folder
from pforge_lab.pipeline.spec import Pipeline
from pforge_lab.runs import functions, places
from pforge_lab.runs.definition import definition_of
from pforge_lab.runs.exclusion import Exclusion
from pforge_lab.runs.generation import until_kept
from pforge_lab.runs.glances import RunSummary
from pforge_lab.runs.head import Head, heads
from pforge_lab.runs.journal import Journal
from pforge_lab.runs.lines import Lines
from pforge_lab.runs.looks import Looks
from pforge_lab.runs.manifest import EMPTY
from pforge_lab.runs.naming import check_id, run_id
from pforge_lab.runs.pages import carried
from pforge_lab.runs.retention import Retention
from pforge_lab.runs.run import Run
from pforge_lab.runs.scope import OUTPUT, Scope
from pforge_lab.runs.snapshots import Snapshots
from pforge_lab.runs.unrecorded import run_unrecorded
from pforge_lab.state import StateManager, open_configured, open_state
from pforge_lab.values.describe import sketch

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from pforge_lab.runs.checkpoint import Checkpoint
    from pforge_lab.runs.output import PipelineOutput
    from pforge_lab.runs.readable import Readable
    from pforge_lab.runs.retention import Keep
    from pforge_lab.runs.runs_frame import RunsFrame

    Place = StateManager | str | os.PathLike[str]

_open: weakref.WeakValueDictionary[tuple[str, str, str], Run] = weakref.WeakValueDictionary()


def start(
    pipeline: Pipeline,
    inputs: Mapping[str, Any] | None = None,
    *,
    state: Place | None = None,
    carry: str | None = None,
    drop_unused: bool | None = None,
    memory: str | Iterable[str] | None = None,
    keep: Keep = "all",
    exclude: Collection[str] = (),
    id: str | None = None,  # noqa: A002 - the public name
    about: Mapping[str, Any] | None = None,
    told: Mapping[str, str] | None = None,
) -> Run:
    """Make a run of a pipeline; nothing is executed yet.

    Parameters
    ----------
    pipeline
        What to execute.
    inputs
        Values of its parameters.
    state
        A state manager or URL; by default what the ``state:`` section of the pipeline's file says, or
        ``.pforge/NAME.fs`` beside the notebook or script.
    carry
        Start with the final variables of the last run that was done under this name, and keep this
        one's when it is done. Explicit inputs come before carried values.
    drop_unused
        Drop variables once no later step reads them, and give their memory back; by default as the
        pipeline's ``memory`` says. Snapshots keep them, so rewinding still has them.
    memory
        Deeper looks at memory in every step: ``"settle"``, ``"exact"``, ``"trace"`` or several; see
        `Looks` for what each does and costs.
    keep
        Which snapshots stay: ``"all"``; a number N, those of the last N positions; ``"records"``,
        what the steps did and no variables. Or a rule for how the run ends, such as ``{"done":
        "records", "failed": 3}``, before which all stay. The start always stays, and so does what a
        run that is not done goes on from. A position whose snapshot was removed cannot be gone
        to; its record stays. When the run is done or has failed, the chunks that nothing needs any
        more are collected.
    exclude
        Patterns of names of variables that are never kept, nor told in previews, such as
        ``["*token*"]``. They are not rewound, and in another process they have to be set again.
        What a tool prints, returns into another variable or says in an error is kept all the same.
    id
        Name of the run; by default made from the pipeline's name and the time.
    about
        JSON values to keep with the definition of the run.
    told
        Parameters as tables show them, of a pipeline that declares none.

    Raises
    ------
    ParamError
        A parameter is missing, unknown or wrong; all faults at once.
    UsageError
        The store has a run of that id already, or the id, ``memory``, ``keep`` or ``exclude`` cannot be one.
    """
    looks, exclusion = Looks.of(memory), Exclusion.of(exclude)
    Retention.of(keep)
    store = store_of(state, pipeline)
    snapshots = Snapshots(store)
    before = _carried(store, snapshots, carry)
    given = {name: value for name, value in before.items() if name in pipeline.params} | dict(inputs or {})
    params = pipeline.check_params(given)
    values = before | params
    journal = Journal(store, check_id(id) if id is not None else run_id(pipeline.name))
    if id is not None and journal.exists():
        raise UsageError(f"there is a run {id!r} in {store.url} already; open it with pf.open_run({id!r})")
    now = datetime.now(UTC)
    head = Head(
        pipeline=pipeline.name,
        status="ready" if pipeline.steps else "done",
        lines=Lines.first(),
        steps_done=0,
        steps_total=len(pipeline.steps),
        created=now,
        updated=now,
        carry=carry,
        params={
            name: "(excluded)" if name in exclusion.reasons(params) else sketch(value)
            for name, value in params.items()
        }
        | dict(told or {}),
        keep=keep,
        exclude=exclusion.patterns,
    )
    dropping = pipeline.memory.drop_unused if drop_unused is None else drop_unused
    kept = functions.keep(pipeline.functions())
    definition = definition_of(pipeline, kept) | {
        "params": sorted(params),
        "drop_unused": dropping,
        "memory": looks.names(),
        **(about or {}),
    }
    scope = Scope(snapshots, EMPTY, lambda _: None, exclusion)
    until_kept(
        lambda: journal.create(head, definition, kept.values, scope.snapshot(values)), snapshots.forget
    )
    run = _remember(Run(journal, pipeline, params, snapshots, drop_unused=dropping, left_out=kept.left_out))
    run.took(values)
    return run


def run(
    pipeline: Pipeline, inputs: Mapping[str, Any] | None = None, *, record: bool = True, **options: Any
) -> PipelineOutput:
    """Start a run and finish it; takes what `start` takes.

    Parameters
    ----------
    record
        False makes no run: see `run_unrecorded`, which takes ``state`` and ``drop_unused`` alone.

    Raises
    ------
    UsageError
        With ``record=False``, an option that only a recorded run can have.
    """
    if record:
        return start(pipeline, inputs, **options).finish()
    place = options.pop("state", None)
    dropping = options.pop("drop_unused", None)
    if options:
        raise UsageError(
            f"with record=False nothing is kept, so there is no {', '.join(f'{name}=' for name in options)}; "
            "leave it out, or record the run"
        )
    store = place if place is None or isinstance(place, StateManager) else open_state(place)
    try:
        return run_unrecorded(pipeline, inputs, state=store, drop_unused=dropping)
    finally:
        if store is not None and store is not place:
            store.close()


def fork(parent: Run, position: int) -> Run:
    """Return a new run with the parent's history up to a position; chunks are shared."""
    journal = Journal(parent.state, run_id(parent.pipeline.name))
    path = parent.head.lines.moved(position).path()[: position + 1]
    head = parent.timeline.forked_head(position)
    until_kept(lambda: journal.copy_from(parent.timeline.journal, path, head))
    return _remember(
        Run(
            journal,
            parent.pipeline,
            parent.param_names,
            Snapshots(parent.state),
            drop_unused=parent.drop_unused,
        )
    )


def runs(state: Place | None = None) -> RunsFrame:
    """Return all runs, newest first: one row each, times as timestamps, ``peak`` in bytes.

    In a notebook ``pf.runs().ui()`` is a browser of them.

    Parameters
    ----------
    state
        Where to look; by default into all files of ``.pforge/``, those of live processes read-only.

    Examples
    --------
    >>> import pforge_lab as pf
    >>> def one(): return 1
    >>> run = pf.Pipeline.from_functions("p", one).start(state="memory:listing")
    >>> output = run.finish()
    >>> pf.runs("memory:listing")[["pipeline", "status", "steps_done"]].values.tolist()
    [['p', 'done', 1]]
    """
    from pforge_lab.runs.runs_frame import runs_frame  # noqa: PLC0415 - loads pandas

    return runs_frame(summaries(state), None if state is None else url_of(state))


def url_of(place: Place) -> str:
    """Return the URL of a store, or of the file at a path."""
    return place.url if isinstance(place, StateManager) else os.fspath(place)


def summaries(state: Place | None = None, *, since: datetime | None = None) -> list[RunSummary]:
    """Return all runs as summaries, newest first, or those begun ``since``. Parameters as `runs`."""
    rows: list[RunSummary] = []
    for place in places.stores() if state is None else [state]:
        try:
            with looking(place) as store:
                rows += [_summary(name, head, store.url) for name, head in heads(store).items()]
        except StateError as error:
            if state is not None:
                raise
            places.say(f"the runs of one file are left out: {error}")
    begun = rows if since is None else [row for row in rows if row.created >= since]
    return sorted(begun, key=lambda row: row.created, reverse=True)


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
    store = state if isinstance(state, StateManager) else _reopen(chosen.place)
    known = _open.get((store.url, store.mode, chosen.id))
    if known is not None and known.state is store:
        if store is not state:
            store.close()  # opened once more above; the run holds it already
        if known.is_behind():
            known.refresh()
        return known
    return _remember(load(store, chosen.id, trust=trust))


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


def _carried(store: StateManager, snapshots: Snapshots, name: str | None) -> dict[str, Any]:
    manifest = None if name is None else carried(store, name)
    if manifest is None:
        return {}
    return {key: value for key, value in snapshots.load(manifest).items() if key != OUTPUT}


@contextmanager
def looking(place: Place) -> Iterator[StateManager]:
    """Have a store open to look at, which takes no lock."""
    if isinstance(place, StateManager):
        yield place
        return
    in_memory = str(place).startswith("memory:")  # of this process alone: nothing to keep out of the way of
    with open_state(place, mode="w" if in_memory else "r") as store:
        yield store


def store_of(state: Place | None, pipeline: Pipeline | None = None) -> StateManager:
    """Return the store to start runs in: the one named, the pipeline's own, or the default one."""
    if state is not None:
        return state if isinstance(state, StateManager) else open_state(state)
    section = None if pipeline is None else pipeline.state
    if pipeline is None or section is None:
        return places.default_state()
    settings = section.model_dump(exclude={"options"}, exclude_none=True)
    return open_configured(folder=pipeline.base_dir, **settings)


def _reopen(url: str) -> StateManager:
    try:
        return open_state(url)
    except StateLocked:
        return open_state(url, mode="r")


def _remember(run: Run) -> Run:
    _open[run.state.url, run.state.mode, run.id] = run
    return run


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


def _summary(name: str, head: Head, place: str) -> RunSummary:
    return RunSummary(
        id=name,
        pipeline=head.pipeline,
        status=head.seen_status(),
        position=head.lines.position,
        steps_done=head.steps_done,
        steps_total=head.steps_total,
        created=head.created,
        updated=head.updated,
        seconds=head.seconds,
        peak=head.peak,
        place=place,
        params=head.params,
        error=head.error,
    )


def opened(state: StateManager, id: str) -> Run | None:  # noqa: A002 - as in open_run
    """Return the run when this process has it open, else None."""
    run = _open.get((state.url, state.mode, id))
    return run if run is not None and run.state is state else None


def forget(run: Run) -> None:
    """Let `open_run` find a run in its store, and no longer the one that is open."""
    _open.pop((run.state.url, run.state.mode, run.id), None)


def summary(store: StateManager, id: str) -> RunSummary:  # noqa: A002 - as in open_run
    """Return the summary of one run of a store by its whole id."""
    return _summary(id, Journal(store, id).read_head(), store.url)


def summary_of(run: Readable) -> RunSummary:
    """Return the summary of an open run."""
    return _summary(run.id, run.head, run.state.url)
