"""A run: one execution of a pipeline that can be stepped, rewound, forked, diffed and resumed."""

from __future__ import annotations

import threading
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, SupportsIndex

from pforge_lab.errors import PositionError, RunBusy, RunError, StateError
from pforge_lab.meter import memory_limit
from pforge_lab.runs import history
from pforge_lab.runs.advice import advice_frame, advise, dead_by_position, predict
from pforge_lab.runs.checkpoint import Checkpoint
from pforge_lab.runs.collection import collect_chunks
from pforge_lab.runs.diff import difference
from pforge_lab.runs.exclusion import Exclusion
from pforge_lab.runs.json_size import json_length
from pforge_lab.runs.looks import Looks
from pforge_lab.runs.output import PipelineOutput, StepResult
from pforge_lab.runs.performance import fingerprint
from pforge_lab.runs.scope import OUTPUT, Scope
from pforge_lab.runs.snapshots import ATOMS
from pforge_lab.runs.stepping import Stepping
from pforge_lab.runs.timeline import Timeline
from pforge_lab.runs.variables import Moment, Variables
from pforge_lab.values.describe import describe

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    import pandas as pd
    from matplotlib.axes import Axes

    from pforge_lab.pipeline.spec import Pipeline
    from pforge_lab.runs.advice import Advice
    from pforge_lab.runs.journal import Head, Journal
    from pforge_lab.runs.lines import Line, Lines
    from pforge_lab.runs.records import RunStatus, StepRecord, VariableRow
    from pforge_lab.runs.revision import Revision
    from pforge_lab.runs.snapshots import Snapshots
    from pforge_lab.runs.tracing import Trace
    from pforge_lab.state import StateManager


class Run:
    """One execution of a pipeline. Made by ``pipeline.start`` and ``pf.open_run``, not by hand.

    Attributes
    ----------
    id
        Name of the run in its store.
    pipeline
        What is executed.
    param_names
        Names of its parameters.
    drop_unused
        Whether variables are dropped once no later step reads them.
    state
        The state manager it lives in.

    Notes
    -----
    Every accepted record and the variables after it are written in one transaction, so that a
    killed process loses at most the step it was in. Stepping executes in the calling thread. What
    rewinding restores is variables: not files, databases, module globals or random generators.

    Examples
    --------
    >>> import pforge_lab as pf
    >>> def double(x: int): return 2 * x
    >>> def plus_one(double): return double + 1
    >>> run = pf.Pipeline.from_functions("sum", double, plus_one).start({"x": 20}, state="memory:")
    >>> run.step().label, run["double"]
    ('double', 40)
    >>> run.finish().variables["plus_one"]
    41
    >>> run.back()
    >>> run.position, run.status, sorted(run.variables)
    (1, 'paused', ['double', 'x'])
    """

    def __init__(
        self,
        journal: Journal,
        pipeline: Pipeline,
        params: Collection[str],
        snapshots: Snapshots,
        *,
        drop_unused: bool = False,
        left_out: Mapping[str, str] | None = None,
    ) -> None:
        self.drop_unused = drop_unused
        self.id = journal.run
        self.pipeline = pipeline
        self.param_names = frozenset(params)
        self.state: StateManager = journal.state
        self.timeline = Timeline(journal, pipeline.labels)
        self._snapshots = snapshots
        self._lock = threading.Lock()
        self._scope = Scope(
            snapshots,
            self.timeline.manifest(self.position),
            self._maker_at(self.position),
            Exclusion.of(self.head.exclude),
        )
        self._steps = Stepping(
            self.id,
            pipeline,
            self.state,
            self.timeline,
            self._scope,
            drop_unused=drop_unused,
            left_out=left_out or {},
        )

    # -- where the run stands ------------------------------------------------------------------

    @property
    def params(self) -> dict[str, Any]:
        """The parameters the run started with, loaded from its first snapshot: a run pins no input."""
        loaded = self._snapshots.load(self.timeline.journal.manifest(0, 0), self.param_names)
        return {name: value for name, value in loaded.items() if name in self.param_names}

    @property
    def head(self) -> Head:
        """Status, lines, totals and owner, as they are kept in the store."""
        return self.timeline.head

    @property
    def status(self) -> RunStatus:
        """``ready``, ``running``, ``paused``, ``done``, ``failed`` or ``interrupted``."""
        return self.head.seen_status()

    @property
    def position(self) -> int:
        """The position on the current line: 0 is the start, every accepted record adds one."""
        return self.timeline.position

    @property
    def lines(self) -> tuple[Line, ...]:
        """All lines of the run; stepping or setting from an earlier position starts a new one."""
        return self.head.lines.all

    @property
    def next_label(self) -> str | None:
        """Label of the step that `step` would execute, or None at the end."""
        index = self.timeline.next_step()
        return None if index is None else self.pipeline.labels[index]

    @property
    def attempt(self) -> StepRecord | None:
        """The record of the attempt that failed while the status is ``failed``, else None."""
        return self.timeline.journal.attempt(self.head.attempts) if self.status == "failed" else None

    def stale(self) -> list[str]:
        """Return labels of steps up to the position whose function's code has changed since they ran."""
        return [
            record.label
            for record in self.timeline.history
            if record.step is not None
            and (now := fingerprint(self.pipeline, record.step - 1)) is not None
            and now != record.code
        ]

    # -- going forward -------------------------------------------------------------------------

    def step(self, n: int = 1, *, memory: str | Iterable[str] | None = None) -> StepRecord:
        """Execute the next step, or the next ``n``, and return the last record.

        Parameters
        ----------
        n
            How many.
        memory
            Deeper looks at memory in these steps, beside those of the run: ``"settle"``, ``"exact"``,
            ``"trace"`` or several; see `Looks` for what each does and costs.

        Raises
        ------
        StepError
            The tool raised under ``fail_fast``. The run is at the position before the step with its
            variables as they were; the next `step` tries it again.
        RunBusy
            Another process or thread is advancing the run, or its store is open for reading only.
        RunError
            The run is done.
        """
        if n < 1:
            raise RunError(
                f"step takes a number of at least 1, not {n}; to go back use run.back()", run=self.id
            )
        looks = Looks.of(memory)
        with self._advancing():
            for left in range(n - 1, -1, -1):
                record = self._steps.one(last=left == 0, looks=looks)
        return record

    def finish(
        self,
        until: str | None = None,
        *,
        retry_failed: bool = False,
        each: Callable[[StepRecord], object] | None = None,
    ) -> PipelineOutput:
        """Execute all steps that are left, or those up to and including the step labelled ``until``.

        When that step is behind already, nothing is executed.

        Parameters
        ----------
        until
            Label of a step.
        retry_failed
            When steps before the position failed under ``continue``, go back to before the first of
            them and go on from there, on a new line; the old one stays in `lines`, with edits that
            came after it.
        each
            Called with every record as it is kept, to show progress.

        Raises
        ------
        StepError, RunBusy
            As `step`; what was completed stays.
        PositionError
            The pipeline has no step of that label.
        """
        if until is not None:
            self.timeline.check_label(until)
        if retry_failed and (failed := [record for record in self.history if record.status == "failed"]):
            self.goto(failed[0].index - 1)
        if self.timeline.next_step() is not None and not self._is_behind(until):
            with self._advancing():
                while self.timeline.next_step() is not None:
                    record = self._steps.one(last=False)
                    if each is not None:
                        each(record)
                    if record.label == until:
                        break
        return self.output()

    def _is_behind(self, label: str | None) -> bool:
        """Return whether the step of that label was executed, or passed, and nothing leads back to it."""
        following = self.timeline.next_step()
        if label is None or following is None or any(step.next for step in self.pipeline.steps):
            return False
        return self.pipeline.labels.index(label) < following

    def set(self, **values: Any) -> StepRecord:
        """Give variables other values and go on from there; recorded as an edit.

        From an earlier position this starts a new line.
        """
        if not values:
            raise RunError("set takes at least one NAME=VALUE", run=self.id)
        self.timeline.check_kept(self.head.lines)
        with self._advancing():
            return self._steps.edit(values)

    def fork(self, at: SupportsIndex | str | None = None, set: Mapping[str, Any] | None = None) -> Run:  # noqa: A002 - the public name
        """Return a new run that has this one's history up to ``at`` and goes its own way from there.

        Parameters
        ----------
        at
            A position or label; the current position by default.
        set
            Variables to give other values at once, recorded as an edit of the new run.
        """
        from pforge_lab.runs.api import fork  # noqa: PLC0415 - api makes runs, and imports this module

        self.note_edits()
        position = self.position if at is None else self.timeline.resolve(at)
        self.timeline.check_kept(self.head.lines.moved(position))
        new = fork(self, position)
        if set:
            new.set(**set)
        return new

    def fork_changed(
        self,
        pipeline: Pipeline | None = None,
        *,
        from_step: str | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> Run:
        """Return a new run that goes on with the pipeline as it is now, from before the first step that differs.

        What the steps before it have made is shared, not made again. This run stays as it is, with
        the definition its history was made with; it can be finished with that.

        Parameters
        ----------
        pipeline
            The changed pipeline; by default what its file says now.
        from_step
            An earlier step to go on from.
        params
            Parameters that the changed pipeline has and this run was not started with, or other
            values for them; recorded as an edit.

        Raises
        ------
        UsageError
            A step before ``from_step`` differs.
        PositionError
            The snapshot to go on from was removed, or there is no such step.
        ParamError
            The changed pipeline needs parameters that were not given.
        RunError
            Nothing has changed, or there is no file to compare with.
        SpecError
            The file is wrong.

        Examples
        --------
        >>> import pforge_lab as pf
        >>> def one(n: int): return [n]
        >>> def two(one): return [*one, 2]
        >>> def three(one): return [*one, 3]
        >>> run = pf.Pipeline.from_functions("p", one, two).start({"n": 1}, state="memory:")
        >>> record = run.step(2)
        >>> new = run.fork_changed(pf.Pipeline.from_functions("p", one, three))
        >>> new.position, new.finish().variables["three"], run.status
        (1, [1, 3], 'done')
        """
        from pforge_lab.runs.revision import fork_changed  # noqa: PLC0415 - it makes runs

        return fork_changed(self, pipeline, from_step=from_step, params=params)

    def revision(self) -> Revision | None:
        """Return how the pipeline's file differs from what the run executes; None when it does not.

        Raises
        ------
        SpecError
            The file cannot be read, or has no such pipeline any more.
        """
        from pforge_lab.runs.revision import revision  # noqa: PLC0415 - loads YAML

        return revision(self)

    # -- going elsewhere -----------------------------------------------------------------------

    def back(self, n: int = 1) -> None:
        """Go ``n`` positions back; the variables are as they were there.

        Raises
        ------
        PositionError
            There are fewer positions to go back.
        """
        if not 0 <= n <= self.position:
            raise PositionError(
                f"cannot go back {n} from position {self.position}; run.back(n) takes 0 to {self.position}, "
                "and run.goto goes forward",
                run=self.id,
            )
        self.goto(self.position - n)

    def goto(self, target: SupportsIndex | str) -> None:
        """Go to a position of the current line, or to after the latest record of a label. Never executes.

        Raises
        ------
        PositionError
            The line has no such position, or the label was not reached on it.
        """
        self._go(self.head.lines.moved(self.timeline.resolve(target)))

    def switch(self, line: int, position: int | None = None) -> None:
        """Go to another line of `lines`: to its end, or to a position of it. Never executes.

        Raises
        ------
        PositionError
            There is no such line, or it has no such position.
        """
        self._go(self.timeline.on_line(line, position))

    def _go(self, there: Lines) -> None:
        self.note_edits()
        there = replace(self.head.lines, number=there.number, position=there.position)
        self.timeline.check_kept(there)
        with self.holding():
            journal, position = self.timeline.journal, there.position
            manifest = journal.manifest(there.holder(position), position)
            records = journal.records(there.path()) if there.number != self.head.lines.number else None
            adopt = self._scope.go(manifest, self._maker_at(position))
            self.timeline.move(there, records)
            adopt()

    def note_edits(self) -> None:
        """Record what was changed in place here and no step has noticed, so that leaving loses nothing."""
        if self.state.mode != "r" and self._steps.is_edited():
            with self._advancing():
                self._steps.note_edits()

    # -- looking -------------------------------------------------------------------------------

    @property
    def variables(self) -> Variables:
        """The live variables: a read-only mapping of the run's own objects.

        Change one in place and the next step notices: the change becomes an ``edited`` record.
        """
        return self._scope.variables(f"at position {self.position}", self._rows, self._elsewhere)

    def describe_live(self) -> dict[str, tuple[str, str, str]]:
        """Return type, shape and preview of the live variables, as far as they are loaded."""
        return {name: describe(value) for name, value in self._scope.loaded().items()}

    def __getitem__(self, name: str) -> Any:
        """Return ``variables[name]``."""
        return self.variables[name]

    def _ipython_key_completions_(self) -> list[str]:
        return list(self.variables)

    def at(self, target: SupportsIndex | str) -> Moment:
        """Return the run as it was at a position or label of the current line: read-only."""
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
        self, a: SupportsIndex | str | None = None, b: SupportsIndex | str | None = None
    ) -> pd.DataFrame:
        """Return what differs between two positions or labels: ``variable change before after``.

        Without arguments: what the last record changed. With one: between there and here.
        """
        end = self.position if b is None else self.timeline.resolve(b)
        start = max(0, end - 1) if a is None else self.timeline.resolve(a)
        return difference(self.at(start), self.at(end))

    def output(self) -> PipelineOutput:
        """Return results and variables up to the position; outputs load from snapshots when looked at."""
        results = tuple(
            StepResult(record.tool, record.status == "done", record.error, partial(self._output_of, record))
            for record in self.timeline.history
            if record.status in ("done", "failed")
        )
        return PipelineOutput(results, self.variables)

    @property
    def results(self) -> tuple[StepResult, ...]:
        """The result of every step that was called, up to the position."""
        return self.output().results

    def _output_of(self, record: StepRecord) -> Any:
        return self.at(record.index).variables.get(record.output_var or OUTPUT)

    def checkpoint(self) -> Checkpoint:
        """Return this place as something small to come back to with ``pipeline.resume``, in any process."""
        return Checkpoint(self.id, self.head.lines.number, self.position, self.state.url)

    @property
    def history(self) -> tuple[StepRecord, ...]:
        """The records of the current line up to the position."""
        return tuple(self.timeline.history)

    @property
    def line_records(self) -> tuple[StepRecord, ...]:
        """All records of the current line, those beyond the position included."""
        return tuple(self.timeline.records)

    @property
    def records(self) -> pd.DataFrame:
        """The records up to the position, one row each."""
        return history.records_frame(self.history)

    @property
    def memory(self) -> pd.DataFrame:
        """Resident memory per position, in bytes: ``index label before peak after method exact``."""
        return history.memory_frame(self.history)

    @property
    def variable_sizes(self) -> pd.DataFrame:
        """Bytes per position and variable: ``index label variable bytes reach approx``."""
        return history.sizes_frame(self.history)

    def plot_memory(self, *, ax: Axes | None = None, beside: Run | None = None) -> Axes:
        """Draw resident memory per step: what held it, and the peak inside.

        Where `advise` has advice, a second chart shows the run with it followed.

        Parameters
        ----------
        ax
            Axes to draw on, without a second chart; by default those of a new figure.
        beside
            Another run, for the second chart, on the same scale.

        Returns
        -------
        Axes
            Of the first chart; a notebook shows the whole figure.
        """
        from pforge_lab.views.plots import Panel, plot_both, plot_memory  # noqa: PLC0415 - a view, and matplotlib is slow to import

        dead, limit = self.dead, memory_limit()
        memory, sizes = self.memory, self.variable_sizes
        if ax is None and beside is not None:
            other = Panel(beside.memory, beside.variable_sizes, beside.id, beside.dead)
            return plot_both(Panel(memory, sizes, self.id, dead), other, limit=limit)
        then = predict(self._advice(dead), dead, memory, sizes) if ax is None else None
        if then is None:
            return plot_memory(memory, sizes, ax=ax, limit=limit, dead=dead)
        now = Panel(memory, sizes, "as it was", dead)
        told = Panel(then.memory, then.sizes, then.done, dead)
        return plot_both(now, told, then.finding, limit=limit, mark="peak as it was")

    @property
    def dead(self) -> dict[int, frozenset[str]]:
        """By position: variables that no later step reads and that are no results."""
        return dead_by_position(self.pipeline, self.history, self._steps.kept)

    def _advice(self, dead: Mapping[int, Collection[str]]) -> list[Advice]:
        measured = [record.memory for record in self.history if record.memory and record.step]
        settled = all(reading.settled for reading in measured)
        return advise(dead, self.memory, self.variable_sizes, settled=settled)

    def advise(self) -> pd.DataFrame:
        """Return which variables to drop, and the peak with and without, in bytes.

        One row per drop, the most effective first: ``variables after_step peak_before peak_after
        saves advice``. ``start(..., drop_unused=True)`` does it. Empty when nothing dead matters.
        The peaks are what the run would reach when it was started with ``memory="settle"``, and the
        best it could reach otherwise.
        """
        return advice_frame(self._advice(self.dead))

    def trace(self, at: SupportsIndex | str | None = None) -> Trace:
        """Return who allocated what in a step that was stepped with ``memory="trace"``.

        Parameters
        ----------
        at
            A position or label of the current line; the current position by default.

        Raises
        ------
        RunError
            That step was not traced.
        """
        from pforge_lab.runs.tracing import Trace  # noqa: PLC0415 - only where it is used

        position = self.position if at is None else self.timeline.resolve(at)
        if not position:
            raise RunError("nothing was stepped at position 0; give a position or label", run=self.id)
        return Trace.of(self.timeline.records[position - 1])

    def size_bytes(self) -> int:
        """Return the book's measure of the variables: lengths of their names and of their JSON.

        A value that is no JSON counts with what it reaches in memory. Loads the variables.
        """
        return sum(len(name) + json_length(value) for name, value in self.variables.present().items())

    def __repr__(self) -> str:
        """Return the run's table as text."""
        from pforge_lab.views.overview import overview  # noqa: PLC0415 - a view
        from pforge_lab.views.text import run_text  # noqa: PLC0415 - a view

        return run_text(overview(self))

    def _repr_html_(self) -> str:
        from pforge_lab.views.html import run_html  # noqa: PLC0415 - a view
        from pforge_lab.views.overview import overview  # noqa: PLC0415 - a view

        return run_html(overview(self))

    def refresh(self) -> None:
        """Stand where the store says: another process may have moved a run that is open for looking only."""
        self.timeline.reread()
        self._scope.go(self.timeline.manifest(self.position), self._maker_at(self.position))()

    def _maker_at(self, position: int) -> partial[str | None]:
        return partial(self.timeline.maker, position=position)

    def took(self, values: Mapping[str, Any]) -> None:
        """Note that the caller may hold these objects, which are the run's now."""
        self._scope.adopt(self._scope.manifest, values)
        self._scope.expose(*(name for name, value in values.items() if not isinstance(value, ATOMS)))

    # -- who may advance it --------------------------------------------------------------------

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Keep other threads out for as long as the block lasts, and refuse where another process has the store.

        Raises
        ------
        RunBusy
            Another thread is advancing the run, or its store is open for reading only.
        """
        if self.state.mode == "r":
            owner = self.timeline.journal.read_head().owner
            raise RunBusy(
                f"run {self.id} can only be looked at: its store is held by {owner or 'another process'}; "
                "go on there, or close it there and open the run again",
                run=self.id,
                owner=str(owner) if owner else None,
                since=owner.since if owner else None,
            )
        if not self._lock.acquire(blocking=False):
            raise RunBusy(f"run {self.id} is being advanced by another thread of this process", run=self.id)
        try:
            yield
        finally:
            self._lock.release()

    @contextmanager
    def _advancing(self) -> Iterator[None]:
        with self.holding():
            self.timeline.begin()
            try:
                yield
            except BaseException:
                with suppress(StateError):  # the store may be what failed; its error is under way
                    self.timeline.settle()
                    self._give_back()
                raise
            self.timeline.settle()
            self._give_back()

    def _give_back(self) -> None:
        """Collect the chunks of snapshots that were removed, once the run has ended."""
        if self.timeline.freed and self.status in ("done", "failed"):
            collect_chunks(self.state)
            self.timeline.freed = False
