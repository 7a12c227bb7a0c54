"""What can be looked at of a run without changing it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, SupportsIndex

from pforge_lab.runs import history
from pforge_lab.runs.compare import Comparison, compare_runs
from pforge_lab.runs.output import PipelineOutput, StepResult
from pforge_lab.runs.performance import fingerprint
from pforge_lab.runs.scope import OUTPUT
from pforge_lab.runs.standing import Standing
from pforge_lab.runs.variables import SECONDS, Moment, Variables
from pforge_lab.values.describe import describe

if TYPE_CHECKING:
    import pandas as pd

    from pforge_lab.runs.glances import VariableRow
    from pforge_lab.runs.records import StepRecord, VariableSize
    from pforge_lab.runs.revision import Revision


class Readable(Standing):
    """The variables, records and snapshots of a run. A base of `Run`."""

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

        Change one in place and the next step notices: the change becomes an ``edited`` record. A name
        that is not here raises `VariableNotFound`, a value that was not kept `NotKept`.

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

        What there was no time for when the step was done is looked at now, for at most 0.1 s. In bytes.
        """
        return self._steps.live_sizes()

    def __getitem__(self, name: str) -> Any:
        """Return ``variables[name]``."""
        return self.variables[name]

    def _ipython_key_completions_(self) -> list[str]:
        return list(self.variables)

    def at(self, target: SupportsIndex | str) -> Moment:
        """Return the run as it was at ``target``, a position or label of the current line: read-only.

        Raises
        ------
        PositionError, WrongType
            The line has no such position or label, or this is neither a whole number nor a label.

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
        a: SupportsIndex | str | Readable | None = None,
        b: SupportsIndex | str | None = None,
        *,
        seconds: float | None = SECONDS,
    ) -> pd.DataFrame:
        """Return what differs between two positions or labels: ``variable change before after``.

        Without arguments: what the last record changed. With one: between there and here.

        Parameters
        ----------
        a, b
            Positions or labels; or another run, where it stands or at ``b``: from here to there.
        seconds
            To look inside values, 2 by default and for all of them together; loading them is not
            counted. ``after`` says where that was not enough: cells that are counted are then ``at
            least`` so many. None: for as long as it takes.

        Raises
        ------
        PositionError, WrongType
            As `at`.

        Examples
        --------
        >>> import pforge_lab as pf
        >>> def double(x: int): return 2 * x
        >>> run = pf.Pipeline.from_functions("p", double).start({"x": 3}, state="memory:")
        >>> output = run.finish()
        >>> run.diff()[["variable", "change"]].to_dict("records")
        [{'variable': 'double', 'change': 'added'}]
        """
        from pforge_lab.runs.diff import difference  # noqa: PLC0415 - loads pandas

        if isinstance(a, Readable):
            return difference(self.at(self.position), a.at(a.position if b is None else b), seconds)
        with self.still():
            end = self.position if b is None else self.timeline.resolve(b)
            before, after = self.at(max(0, end - 1) if a is None else a), self.at(end)
        return difference(before, after, seconds)

    def compare(self, other: Readable) -> Comparison:
        """Return this run beside another one: parameters, steps, seconds, peaks in bytes, variables that differ.

        Only variables that differ are loaded, and looked into as by `diff`. The other run may be in
        another store, and of another pipeline.

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
            results = [
                StepResult(
                    record.tool, record.status == "done", record.error, partial(self._output_of, record)
                )
                for record in self.timeline.history
                if record.status in ("done", "failed")
            ]
            return PipelineOutput(tuple(results), self.variables)

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

    @property
    def records(self) -> pd.DataFrame:
        """The records up to the position, one row each: ``seconds`` a step took, ``memory`` in bytes.

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
