"""What can be looked at of a run without changing it."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any, SupportsIndex

from pforge_lab.pipeline.spec import Pipeline
from pforge_lab.runs import history
from pforge_lab.runs.checkpoint import Checkpoint
from pforge_lab.runs.compare import Comparison, compare_runs
from pforge_lab.runs.output import PipelineOutput, StepResult
from pforge_lab.runs.performance import fingerprint
from pforge_lab.runs.scope import OUTPUT, Scope
from pforge_lab.runs.variables import SECONDS, Moment, Variables
from pforge_lab.values.describe import describe

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    import pandas as pd

    from pforge_lab.runs.following import Follower
    from pforge_lab.runs.glances import VariableRow
    from pforge_lab.runs.head import Head
    from pforge_lab.runs.lines import Line
    from pforge_lab.runs.manifest import Manifest
    from pforge_lab.runs.records import RunStatus, StepRecord, VariableSize
    from pforge_lab.runs.revision import Revision
    from pforge_lab.runs.snapshots import Snapshots
    from pforge_lab.runs.stepping import Stepping
    from pforge_lab.runs.timeline import Timeline
    from pforge_lab.state import StateManager


class Readable:
    """Where a run stands, its variables, records and snapshots. A base of `Run`."""

    id: str
    pipeline: Pipeline
    param_names: frozenset[str]
    state: StateManager
    _timeline: Timeline
    _follower: Follower | None  # of a run that is open for looking only
    _snapshots: Snapshots
    _scope: Scope
    _steps: Stepping

    @property
    def timeline(self) -> Timeline:
        """Where the run stands; one that is open for looking only follows whoever advances it."""
        if self._follower is not None:
            self._follower.look()
        return self._timeline

    def still(self) -> AbstractContextManager[None]:
        """Return a context in which the run stands still, so that what is looked at is of one moment.

        Examples
        --------
        >>> import pforge_lab as pf
        >>> def double(x: int): return 2 * x
        >>> run = pf.Pipeline.from_functions("p", double).start({"x": 3}, state="memory:")
        >>> with run.still():
        ...     run.position, run.status
        (0, 'ready')
        """
        return nullcontext() if self._follower is None else self._follower.still()

    @property
    def params(self) -> dict[str, Any]:
        """The parameters the run started with, loaded from its first snapshot: a run pins no input.

        Examples
        --------
        >>> import pforge_lab as pf
        >>> def double(x: int): return 2 * x
        >>> run = pf.Pipeline.from_functions("p", double).start({"x": 3}, state="memory:")
        >>> run.params
        {'x': 3}
        """
        loaded = self._snapshots.load(self.timeline.journal.manifest(0, 0), self.param_names)
        return {name: value for name, value in loaded.items() if name in self.param_names}

    @property
    def head(self) -> Head:
        """Status, lines, totals and owner, as they are kept in the store.

        Examples
        --------
        >>> import pforge_lab as pf
        >>> def double(x: int): return 2 * x
        >>> run = pf.Pipeline.from_functions("p", double).start({"x": 3}, state="memory:")
        >>> run.head.steps_total
        1
        """
        return self.timeline.head

    @property
    def status(self) -> RunStatus:
        """``ready``, ``running``, ``paused``, ``done``, ``failed`` or ``interrupted``.

        Examples
        --------
        >>> import pforge_lab as pf
        >>> def double(x: int): return 2 * x
        >>> run = pf.Pipeline.from_functions("p", double).start({"x": 3}, state="memory:")
        >>> run.status
        'ready'
        """
        return self.head.seen_status()

    @property
    def position(self) -> int:
        """The position on the current line: 0 is the start, every accepted record adds one.

        Examples
        --------
        >>> import pforge_lab as pf
        >>> def double(x: int): return 2 * x
        >>> run = pf.Pipeline.from_functions("p", double).start({"x": 3}, state="memory:")
        >>> output = run.finish()
        >>> run.position
        1
        """
        return self.timeline.position

    @property
    def lines(self) -> tuple[Line, ...]:
        """All lines of the run; stepping or setting from an earlier position starts a new one.

        Examples
        --------
        >>> import pforge_lab as pf
        >>> def double(x: int): return 2 * x
        >>> run = pf.Pipeline.from_functions("p", double).start({"x": 3}, state="memory:")
        >>> output = run.finish()
        >>> record = run.set(x=4)
        >>> run.back()
        >>> record = run.set(x=5)
        >>> len(run.lines)
        2
        """
        return self.head.lines.all

    @property
    def next_label(self) -> str | None:
        """Label of the step that `step` would execute, or None at the end.

        Examples
        --------
        >>> import pforge_lab as pf
        >>> def double(x: int): return 2 * x
        >>> run = pf.Pipeline.from_functions("p", double).start({"x": 3}, state="memory:")
        >>> run.next_label
        'double'
        """
        index = self.timeline.next_step()
        return None if index is None else self.pipeline.labels[index]

    @property
    def attempt(self) -> StepRecord | None:
        """The record of the attempt that failed while the status is ``failed``, else None.

        Examples
        --------
        >>> import pforge_lab as pf
        >>> def double(x: int): return 2 * x
        >>> run = pf.Pipeline.from_functions("p", double).start({"x": 3}, state="memory:")
        >>> run.attempt is None
        True
        """
        return self.timeline.journal.attempt(self.head.attempts) if self.status == "failed" else None

    def stale(self) -> list[str]:
        """Return labels of steps up to the position whose function's code has changed since they ran.

        Examples
        --------
        >>> import pforge_lab as pf
        >>> def double(x: int): return 2 * x
        >>> run = pf.Pipeline.from_functions("p", double).start({"x": 3}, state="memory:")
        >>> output = run.finish()
        >>> run.stale()
        []
        """
        return [
            record.label
            for record in self.timeline.history
            if record.step is not None
            and (now := fingerprint(self.pipeline, record.step - 1)) is not None
            and now != record.code
        ]

    def revision(self) -> Revision | None:
        """Return how the pipeline's file differs from what the run executes; None when it does not.

        Raises
        ------
        SpecError
            The file cannot be read, or has no such pipeline any more.

        Examples
        --------
        >>> import pforge_lab as pf
        >>> def double(x: int): return 2 * x
        >>> run = pf.Pipeline.from_functions("p", double).start({"x": 3}, state="memory:")
        >>> run.revision() is None
        True
        """
        from pforge_lab.runs.revision import revision  # noqa: PLC0415 - loads YAML

        return revision(self)

    @property
    def variables(self) -> Variables:
        """The live variables: a read-only mapping of the run's own objects.

        Change one in place and the next step notices: the change becomes an ``edited`` record.

        Examples
        --------
        >>> import pforge_lab as pf
        >>> def double(x: int): return 2 * x
        >>> run = pf.Pipeline.from_functions("p", double).start({"x": 3}, state="memory:")
        >>> output = run.finish()
        >>> dict(run.variables)
        {'x': 3, 'double': 6}
        """
        where = f"at position {self.position}"
        looking = self._follower is not None
        return self._scope.variables(where, self._rows, self._elsewhere, looking=looking)

    def describe_live(self) -> dict[str, tuple[str, str, str]]:
        """Return type, shape and preview of the live variables, as far as they are loaded.

        Examples
        --------
        >>> import pforge_lab as pf
        >>> def double(x: int): return 2 * x
        >>> run = pf.Pipeline.from_functions("p", double).start({"x": 3}, state="memory:")
        >>> run.describe_live()["x"][0]
        'int'
        """
        return {name: describe(value) for name, value in self._scope.loaded().items()}

    def live_sizes(self) -> dict[str, VariableSize]:
        """Return sizes of the live variables, as far as they are loaded.

        What there was no time for when the step was done is looked at now, for at most 0.1 s.
        """
        return self._steps.live_sizes()

    def __getitem__(self, name: str) -> Any:
        """Return ``variables[name]``."""
        return self.variables[name]

    def _ipython_key_completions_(self) -> list[str]:
        return list(self.variables)

    def at(self, target: SupportsIndex | str) -> Moment:
        """Return the run as it was at a position or label of the current line: read-only.

        Examples
        --------
        >>> import pforge_lab as pf
        >>> def double(x: int): return 2 * x
        >>> run = pf.Pipeline.from_functions("p", double).start({"x": 3}, state="memory:")
        >>> output = run.finish()
        >>> run.at(0)["x"], run.at("double")["double"]
        (3, 6)
        """
        with self.still():
            position = self.timeline.resolve(target)
            record = self.timeline.records[position - 1] if position else None
            return Moment(
                position,
                record,
                self.timeline.manifest(position),
                self._snapshots,
                maker=self._maker_at(position),
                rows=partial(self._rows, position),
            )

    def _elsewhere(self, name: str) -> str | None:
        """Return where a variable was last that is not here any more."""
        for record in reversed(self.timeline.history):
            if name in record.changed:
                return f"; it was dropped or removed by step {record.label!r}, and run.at({record.index - 1})[{name!r}] still has it"
        return None

    def _rows(self, at: int | None = None) -> tuple[VariableRow, ...]:
        from pforge_lab.views.overview import variable_rows  # noqa: PLC0415 - a view

        return variable_rows(self, at)

    def diff(
        self,
        a: SupportsIndex | str | None = None,
        b: SupportsIndex | str | None = None,
        *,
        seconds: float | None = SECONDS,
    ) -> pd.DataFrame:
        """Return what differs between two positions or labels: ``variable change before after``.

        Without arguments: what the last record changed. With one: between there and here.

        Parameters
        ----------
        a, b
            Positions or labels.
        seconds
            To look inside values, 2 by default and for all of them together; loading them is not
            counted. ``after`` says where that was not enough: cells that are counted are then ``at
            least`` so many. None: for as long as it takes.

        Examples
        --------
        >>> import pforge_lab as pf
        >>> def double(x: int): return 2 * x
        >>> run = pf.Pipeline.from_functions("p", double).start({"x": 3}, state="memory:")
        >>> output = run.finish()
        >>> run.diff()[["variable", "change"]].to_dict("records")
        [{'variable': 'double', 'change': 'added'}]
        """
        with self.still():
            end = self.position if b is None else self.timeline.resolve(b)
            start = max(0, end - 1) if a is None else self.timeline.resolve(a)
            before, after = self.at(start), self.at(end)
        from pforge_lab.runs.diff import difference  # noqa: PLC0415 - loads pandas

        return difference(before, after, seconds)

    def compare(self, other: Readable) -> Comparison:
        """Return this run beside another one: parameters, steps, times, peaks and variables that differ.

        Only variables that differ are loaded. The other run may be in another store, and of another
        pipeline.

        Examples
        --------
        >>> import pforge_lab as pf
        >>> def double(x: int): return 2 * x
        >>> run = pf.Pipeline.from_functions("p", double).start({"x": 3}, state="memory:")
        >>> output = run.finish()
        >>> fork = run.fork(at=0, set={"x": 4})
        >>> output = fork.finish()
        >>> type(run.compare(fork)).__name__
        'Comparison'
        """
        with self.still(), other.still():
            return compare_runs(self, other)

    def output(self) -> PipelineOutput:
        """Return results and variables up to the position; outputs load from snapshots when looked at.

        Examples
        --------
        >>> import pforge_lab as pf
        >>> def double(x: int): return 2 * x
        >>> run = pf.Pipeline.from_functions("p", double).start({"x": 3}, state="memory:")
        >>> output = run.finish()
        >>> run.output().variables["double"]
        6
        """
        with self.still():
            results = tuple(
                StepResult(
                    record.tool, record.status == "done", record.error, partial(self._output_of, record)
                )
                for record in self.timeline.history
                if record.status in ("done", "failed")
            )
            return PipelineOutput(results, self.variables)

    @property
    def results(self) -> tuple[StepResult, ...]:
        """The result of every step that was called, up to the position.

        Examples
        --------
        >>> import pforge_lab as pf
        >>> def double(x: int): return 2 * x
        >>> run = pf.Pipeline.from_functions("p", double).start({"x": 3}, state="memory:")
        >>> output = run.finish()
        >>> run.results[0].tool, run.results[0].output
        ('double', 6)
        """
        return self.output().results

    def _output_of(self, record: StepRecord) -> Any:
        return self.at(record.index).variables.get(record.output_var or OUTPUT)

    def checkpoint(self) -> Checkpoint:
        """Return this place as something small to come back to with ``pipeline.resume``, in any process.

        Examples
        --------
        >>> import pforge_lab as pf
        >>> def double(x: int): return 2 * x
        >>> run = pf.Pipeline.from_functions("p", double).start({"x": 3}, state="memory:")
        >>> output = run.finish()
        >>> place = run.checkpoint()
        >>> run.pipeline.resume(place, state=run.state).variables["double"]
        6
        """
        lines = self.head.lines
        return Checkpoint(self.id, lines.number, lines.position, self.state.url)

    @property
    def history(self) -> tuple[StepRecord, ...]:
        """The records of the current line up to the position.

        Examples
        --------
        >>> import pforge_lab as pf
        >>> def double(x: int): return 2 * x
        >>> run = pf.Pipeline.from_functions("p", double).start({"x": 3}, state="memory:")
        >>> output = run.finish()
        >>> [(record.label, record.status) for record in run.history]
        [('double', 'done')]
        """
        return tuple(self.timeline.history)

    @property
    def line_records(self) -> tuple[StepRecord, ...]:
        """All records of the current line, those beyond the position included.

        Examples
        --------
        >>> import pforge_lab as pf
        >>> def double(x: int): return 2 * x
        >>> run = pf.Pipeline.from_functions("p", double).start({"x": 3}, state="memory:")
        >>> output = run.finish()
        >>> run.back()
        >>> len(run.history), len(run.line_records)
        (0, 1)
        """
        return tuple(self.timeline.records)

    @property
    def records(self) -> pd.DataFrame:
        """The records up to the position, one row each.

        Examples
        --------
        >>> import pforge_lab as pf
        >>> def double(x: int): return 2 * x
        >>> run = pf.Pipeline.from_functions("p", double).start({"x": 3}, state="memory:")
        >>> output = run.finish()
        >>> run.records["label"].to_list()
        ['double']
        """
        return history.records_frame(self.history)

    def __repr__(self) -> str:
        """Return the run's table as text."""
        from pforge_lab.views.overview import overview  # noqa: PLC0415 - a view
        from pforge_lab.views.text import run_text  # noqa: PLC0415 - a view

        return run_text(overview(self))

    def _repr_html_(self) -> str:
        from pforge_lab.views.html import run_html  # noqa: PLC0415 - a view
        from pforge_lab.views.overview import overview  # noqa: PLC0415 - a view

        return run_html(overview(self))

    def is_behind(self) -> bool:
        """Return whether another process has moved the run since it was last looked at or advanced here.

        Examples
        --------
        >>> import pforge_lab as pf
        >>> def double(x: int): return 2 * x
        >>> run = pf.Pipeline.from_functions("p", double).start({"x": 3}, state="memory:")
        >>> run.is_behind()
        False
        """
        journal = self._timeline.journal
        return not journal.is_ours and journal.is_behind()

    def refresh(self) -> None:
        """Stand where the store says: another process may have moved the run.

        Examples
        --------
        >>> import pforge_lab as pf
        >>> def double(x: int): return 2 * x
        >>> run = pf.Pipeline.from_functions("p", double).start({"x": 3}, state="memory:")
        >>> run.refresh()
        >>> run.position
        0
        """
        self._timeline.reread()
        if self._follower is not None:
            self._moved()
            return
        self._redefined()
        self._scope.go(self._timeline.manifest(self._timeline.position), self._maker_here())()

    def follow(self, manifest: Manifest) -> None:
        """Have the variables of the snapshot that somebody else has moved the run to, none of them loaded."""
        self._scope.unload(manifest, self._maker_here())

    def adopt(self, pipeline: Pipeline) -> None:
        """Have the steps of another pipeline from now on, which its store knows already."""
        self.pipeline, self._timeline.labels = pipeline, pipeline.labels
        self._steps.adopt(pipeline)

    def _moved(self) -> None:
        """Be where the timeline stands, to which somebody else has moved it."""
        self._redefined()
        self.follow(self._timeline.manifest(self._timeline.position))

    def _redefined(self) -> None:
        """Have as many steps as the run has now: one of a notebook gets more as cells are executed."""
        if self._timeline.head.steps_total == len(self._timeline.labels):
            return
        facts = self._timeline.journal.definition()
        self.adopt(
            Pipeline.from_dict(
                facts["pipeline"],
                base_dir=facts["base_dir"],
                source=facts["source"],
                functions=self.pipeline.functions(),
            )
        )

    def _maker_here(self) -> partial[str | None]:
        return self._maker_at(self._timeline.position)

    def _maker_at(self, position: int) -> partial[str | None]:
        return partial(self._timeline.maker, position=position)
