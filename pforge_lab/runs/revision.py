"""A pipeline that has changed since a run of it was started: which steps differ, and going on with it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pforge_lab.errors import PositionError, RunError, UsageError, near_misses
from pforge_lab.pipeline.loader import load_file
from pforge_lab.pipeline.spec import Pipeline
from pforge_lab.runs import functions
from pforge_lab.runs.definition import definition_of
from pforge_lab.runs.forking import given_up
from pforge_lab.runs.generation import until_kept
from pforge_lab.runs.journal import Journal
from pforge_lab.runs.naming import run_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pforge_lab.runs.head import Head
    from pforge_lab.runs.readable import Readable
    from pforge_lab.runs.records import RunStatus
    from pforge_lab.runs.run import Run


@dataclass(frozen=True, slots=True)
class Revision:
    """How a pipeline differs from the one that a run executes.

    Attributes
    ----------
    pipeline
        As it is now.
    unchanged
        Number of steps at its beginning that are as they were.
    changed
        Labels of steps that differ or are new, in order, and of those that have gone.
    """

    pipeline: Pipeline
    unchanged: int
    changed: tuple[str, ...]

    @property
    def first(self) -> str | None:
        """Label of the first step that differs; None when only steps at the end have gone, or none differs."""
        labels = self.pipeline.labels
        return labels[self.unchanged] if self.changed and self.unchanged < len(labels) else None

    def __str__(self) -> str:
        """Return what differs, as text for a sentence."""
        if not self.changed:
            return "what it says beside its steps"
        return ", ".join(map(repr, self.changed))


def revision(run: Readable, pipeline: Pipeline | None = None) -> Revision | None:
    """Return how a pipeline differs from the one that a run executes, or None when it does not.

    Parameters
    ----------
    pipeline
        What to compare with; by default what the file says now that the run's pipeline came from.
        None is returned for a run whose pipeline came from no file, or whose file has gone.

    Raises
    ------
    SpecError
        The file cannot be read, or has no such pipeline any more.
    """
    facts = run.timeline.journal.definition()
    if pipeline is None:
        pipeline = _in_file(facts["source"], run.pipeline.name)
    if pipeline is None or pipeline.digest == facts.get("digest"):
        return None
    digests = facts.get("step_digests") or run.pipeline.step_digests  # of a notebook's run they are not kept
    before = list(zip(run.pipeline.labels, digests, strict=True))
    now = list(zip(pipeline.labels, pipeline.step_digests, strict=True))
    pairs = zip(before, now, strict=False)
    unchanged = next(
        (place for place, (old, new) in enumerate(pairs) if old != new), min(len(before), len(now))
    )
    other = [label for label, digest in now if (label, digest) not in before]
    gone = [label for label, _ in before if label not in pipeline.labels]
    moved = [label for label, _ in now[unchanged:]] if before != now else []
    return Revision(pipeline, unchanged, tuple([*other, *gone] or moved))


def _in_file(source: str | None, name: str) -> Pipeline | None:
    if source is None or not Path(source).is_file():
        return None
    facts = Path(source).stat()
    return _loaded(source, facts.st_mtime_ns, facts.st_size, name)


@lru_cache(maxsize=32)
def _loaded(source: str, mtime_ns: int, size: int, name: str) -> Pipeline:  # noqa: ARG001 - what tells a changed file
    loaded = load_file(source)
    return loaded if isinstance(loaded, Pipeline) else loaded[name]


def fork_changed(
    run: Run,
    pipeline: Pipeline | None = None,
    *,
    from_step: str | None = None,
    params: Mapping[str, Any] | None = None,
) -> Run:
    """Return a new run of the changed pipeline; see `Run.fork_changed`."""
    from pforge_lab.runs.api import open_run  # noqa: PLC0415 - api makes runs, and imports run

    found = revision(run, pipeline)
    if found is None:
        raise RunError(_nothing(run, pipeline), run=run.id)
    run.note_edits()
    position = _before(run, found, _place(run, found, from_step))
    run.timeline.check_kept(run.head.lines.moved(position))
    changed = found.pipeline.bind(run.pipeline.functions()) if pipeline is None else found.pipeline
    values, had = changed.check_params(_params(run, changed) | dict(params or {})), run.params
    journal = Journal(run.state, run_id(changed.name))
    head = _head(run, changed, position)
    kept = functions.keep(changed.functions())
    dropping = run.drop_unused if changed.memory == run.pipeline.memory else changed.memory.drop_unused
    before = run.timeline.journal.definition()
    facts = definition_of(changed, kept) | {
        "params": sorted(run.param_names),
        "drop_unused": dropping,
        **{name: before[name] for name in ("memory", "verify")},
    }
    path = run.head.lines.moved(position).path()[: position + 1]
    until_kept(lambda: journal.copy_from(run.timeline.journal, path, head, facts, kept.values))
    new = open_run(journal.run, state=run.state)
    added = {name: value for name, value in values.items() if name not in had or name in (params or {})}
    with given_up(new):
        if added:
            new.set(**added)
    run._forked(new, position)  # noqa: SLF001 - of the run itself, in a module of its own
    return new


def _params(run: Run, pipeline: Pipeline) -> dict[str, Any]:
    known = pipeline.params
    return {
        name: value for name, value in run.params.items() if name in known or not pipeline.declares_params
    }


def _nothing(run: Readable, pipeline: Pipeline | None) -> str:
    source = run.timeline.journal.definition()["source"]
    if pipeline is None and source is None:
        return f"the pipeline of run {run.id} came from no file; pass the changed one: fork_changed(pipeline)"
    if pipeline is None and not Path(source).is_file():
        return f"there is no file {source} any more; pass the changed pipeline: fork_changed(pipeline)"
    return f"the pipeline is as it was when run {run.id} started; go on with run.finish(), or use run.fork()"


def _place(run: Run, found: Revision, from_step: str | None) -> int:
    """Return the number of steps to leave as they are."""
    if from_step is None:
        return found.unchanged
    labels = found.pipeline.labels
    if from_step not in labels:
        raise PositionError(f"there is no step {from_step!r}{near_misses(from_step, labels)}", run=run.id)
    place = labels.index(from_step)
    if place > found.unchanged:
        raise UsageError(
            f"cannot go on from {from_step!r}: {found.first!r} comes before it and differs; "
            f"go on from there with fork_changed(), or from an earlier step"
        )
    return place


def _before(run: Run, found: Revision, place: int) -> int:
    """Return the last position that only steps left as they are have led to."""
    for record in run.history:
        if record.step is not None and (record.step > place or (record.goes_to or 0) > found.unchanged):
            return record.index - 1
    return run.position


def _head(run: Run, pipeline: Pipeline, position: int) -> Head:
    head = run.timeline.forked_head(position)
    done = [record for record in run.history[:position] if record.step is not None]
    ended = bool(done) and (done[-1].goes_to or (done[-1].step or 0) + 1) > len(pipeline.steps)
    status: RunStatus = "done" if ended or not pipeline.steps else "paused" if position else "ready"
    return replace(head, pipeline=pipeline.name, steps_total=len(pipeline.steps), status=status)
