"""The doors to runs: start one, list them, open one in any process."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pforge_lab.errors import UsageError
from pforge_lab.runs import functions
from pforge_lab.runs.definition import definition_of
from pforge_lab.runs.exclusion import Exclusion
from pforge_lab.runs.generation import until_kept
from pforge_lab.runs.head import Head
from pforge_lab.runs.journal import Journal
from pforge_lab.runs.lines import Lines
from pforge_lab.runs.listing import runs, summaries, summary, summary_of
from pforge_lab.runs.looks import Looks
from pforge_lab.runs.manifest import EMPTY
from pforge_lab.runs.naming import check_id, run_id
from pforge_lab.runs.opening import forget, load, open_run, opened, remember, resume
from pforge_lab.runs.pages import carried
from pforge_lab.runs.retention import Retention
from pforge_lab.runs.run import Run
from pforge_lab.runs.scope import OUTPUT, Scope
from pforge_lab.runs.snapshots import Snapshots
from pforge_lab.runs.stores import looking, store_of, url_of
from pforge_lab.state import StateManager, open_state
from pforge_lab.values.describe import sketch

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from pforge_lab.pipeline.spec import Pipeline
    from pforge_lab.runs.output import PipelineOutput
    from pforge_lab.runs.retention import Keep
    from pforge_lab.runs.stores import Place

__all__ = [  # noqa: RUF022 - starting, listing, opening, stores
    "start",
    "run",
    "fork",
    "runs",
    "summaries",
    "summary",
    "summary_of",
    "open_run",
    "load",
    "resume",
    "opened",
    "forget",
    "looking",
    "store_of",
    "url_of",
]


def start(
    pipeline: Pipeline,
    inputs: Mapping[str, Any] | None = None,
    *,
    state: Place | None = None,
    carry: str | None = None,
    drop_unused: bool | None = None,
    memory: str | Iterable[str] | None = None,
    verify: bool = False,
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
    verify
        Examine all variables before and after each step, not only those that it names or that somebody may
        hold: one that it changed by another way, such as a global, is in the snapshot too, in the record's
        ``undeclared``, and told by an `UndeclaredChange` warning. Costs pickling and hashing all variables
        twice a step: about 0.1 s per GB of buffers, 1 s per 4 million Python objects.
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
    StateError, UntrustedData, PforgeError
        As `Pipeline.start`.
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
    sketched = exclusion.told({name: sketch(value) for name, value in params.items()} | dict(told or {}))
    head = _head(pipeline, carry=carry, params=sketched, keep=keep, exclude=exclusion.patterns)
    dropping = pipeline.memory.drop_unused if drop_unused is None else drop_unused
    kept = functions.keep(pipeline.functions())
    definition = definition_of(pipeline, kept) | {
        "params": sorted(params),
        "drop_unused": dropping,
        "memory": looks.names(),
        "verify": verify,
        **(about or {}),
    }
    scope = Scope(snapshots, EMPTY, lambda _: None, exclusion)
    until_kept(
        lambda: journal.create(head, definition, kept.values, scope.snapshot(values), scope.chunks),
        snapshots.forget,
    )
    run = remember(Run(journal, pipeline, params, snapshots, drop_unused=dropping, left_out=kept.left_out))
    run.took(values)
    return run


def _head(pipeline: Pipeline, **facts: Any) -> Head:
    """Return the head of a run that has gone nowhere yet."""
    now = datetime.now(UTC)
    return Head(
        pipeline=pipeline.name,
        status="ready" if pipeline.steps else "done",
        lines=Lines.first(),
        steps_done=0,
        steps_total=len(pipeline.steps),
        created=now,
        updated=now,
        **facts,
    )


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
    ParamError, StateError
        As `start`.
    UsageError
        As `start`; also with ``record=False``, an option that only a recorded run can have.
    StepError
        A step failed under ``fail_fast``.
    RunError
        A loop took as many steps as ``max_steps`` allows.
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
        from pforge_lab.runs.unrecorded import run_unrecorded  # noqa: PLC0415 - most runs are recorded

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
    return remember(
        Run(
            journal,
            parent.pipeline,
            parent.param_names,
            Snapshots(parent.state),
            drop_unused=parent.drop_unused,
        )
    )


def _carried(store: StateManager, snapshots: Snapshots, name: str | None) -> dict[str, Any]:
    manifest = None if name is None else carried(store, name)
    if manifest is None:
        return {}
    return {key: value for key, value in snapshots.load(manifest).items() if key != OUTPUT}
