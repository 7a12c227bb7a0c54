"""A sweep of a pipeline: which runs it has, which are missing, and what workers are told of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pforge_lab.errors import Fault, ParamError, UsageError, near_misses
from pforge_lab.runs import api
from pforge_lab.runs.head import heads
from pforge_lab.sweeps.grid import member_id
from pforge_lab.sweeps.job import Job, execute, packed_pipeline, this_process
from pforge_lab.sweeps.key import KeyPass
from pforge_lab.sweeps.landing import exported, is_shared

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from pforge_lab.pipeline.spec import Pipeline
    from pforge_lab.state import StateManager
    from pforge_lab.sweeps.workers import Workers


@dataclass(frozen=True, slots=True)
class PipelinePlan:
    """Which runs the sweep of a pipeline has, and which of them are missing."""

    pipeline: Pipeline
    sets: Mapping[str, Mapping[str, Any]]
    missing: Mapping[str, bool]  # whether there is something of it already
    store: StateManager
    url: str

    @classmethod
    def of(
        cls, pipeline: Pipeline, sets: list[dict[str, Any]], store: StateManager, url: str
    ) -> PipelinePlan:
        """Look which runs the store has."""
        named = {member_id(pipeline.name, pipeline.digest, params): params for params in sets}
        status = {name: head.seen_status() for name, head in heads(store).items() if name in named}
        missing = {
            run: run in status
            for run in named
            if status.get(run) != "done" or api.load(store, run, pipeline=pipeline).stale()
        }
        return cls(pipeline, named, missing, store, url)

    @property
    def name(self) -> str:
        """The pipeline's name."""
        return self.pipeline.name

    def results(self, pool: Workers) -> Iterator[tuple[Job, bytes | BaseException | None]]:
        """Have the runs that are missing executed; yield what came of each, as they end."""
        return pool.results(execute, self.jobs())

    def defaults(self, run: str) -> dict[str, Any]:
        """Return all parameters of a run, with the defaults of those that its set leaves out."""
        return self.pipeline.check_params(self.sets[run])

    def output(self, run: str) -> str | None:  # noqa: ARG002 - as sweeps of notebooks have one
        """Return where the notebook of a run is written; a pipeline has none."""
        return None

    def jobs(self) -> list[Job]:
        """Return what workers are told of the runs that are missing."""
        import cloudpickle  # noqa: PLC0415 - only where something is executed

        packed, key, shared = packed_pipeline(self.pipeline), KeyPass.of_user(), is_shared(self.url)
        return [
            Job(
                run=run,
                pipeline=packed,
                params=cloudpickle.dumps(self.sets[run]),
                url=self.url,
                shared=shared,
                sender=this_process(),
                earlier=exported(self.store, run) if begun and not shared else None,
                key=key,
            )
            for run, begun in self.missing.items()
        ]


def check_pipeline(pipeline: Pipeline, sets: list[dict[str, Any]], outputs: Collection[str]) -> None:
    """Refuse parameters and outputs that the pipeline does not have, all faults at once."""
    faults: list[Fault] = []
    for params in sets:
        try:
            pipeline.check_params(params)
        except ParamError as error:
            faults += [fault for fault in error.faults if fault not in faults]
    if faults:
        raise ParamError.of(faults)
    made = set(pipeline.params).union(*(pipeline.writes(index) for index in range(len(pipeline.steps))))
    unknown = [name for name in outputs if name not in made]
    if isinstance(outputs, str) or unknown:
        name = outputs if isinstance(outputs, str) else unknown[0]
        raise UsageError(
            f"outputs is a list of names, such as [{outputs!r}]"
            if isinstance(outputs, str)
            else f"pipeline {pipeline.name!r} makes no variable {name!r}{near_misses(name, made)}"
        )
