"""What a run cost in memory, and what to do about it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, SupportsIndex

from pforge_lab.errors import RunError
from pforge_lab.meter import memory_limit
from pforge_lab.runs import history
from pforge_lab.runs.advice import advice_frame, advise, dead_by_position, predict
from pforge_lab.runs.completion import Completion
from pforge_lab.runs.json_size import json_length
from pforge_lab.runs.readable import Readable

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    import pandas as pd
    from matplotlib.axes import Axes

    from pforge_lab.runs.advice import Advice
    from pforge_lab.runs.records import StepRecord
    from pforge_lab.runs.run import Run
    from pforge_lab.runs.tracing import Trace


class Costs(Readable):
    """Memory per step and variable, and advice. A base of `Run`."""

    @property
    def memory(self) -> pd.DataFrame:
        """Resident memory per position, in bytes: ``before`` the step, ``peak`` in it, and ``after`` it.

        ``method`` says how the peak was measured; where ``exact`` is false it may have been higher,
        where ``shared`` is true something else was measured meanwhile. ``lifetime`` is the highest of the
        process up to then; ``allocated`` and ``arrow`` are what the C library's heap and Arrow's pool had
        handed out; ``child_peak`` is the highest of a process the step started, no part of ``peak``.

        Examples
        --------
        >>> import pforge_lab as pf
        >>> def double(x: int): return 2 * x
        >>> run = pf.Pipeline.from_functions("p", double).start({"x": 3}, state="memory:")
        >>> output = run.finish()
        >>> run.memory["label"].to_list()
        ['double']
        """
        return history.memory_frame(self.history)

    @property
    def variable_sizes(self) -> pd.DataFrame:
        """Bytes per position and variable: ``index label variable bytes reach approx``.

        ``bytes`` counts what is shared once, at its first owner; ``reach`` is all that the variable keeps
        alive; ``approx`` marks sizes of which a sample was taken.

        What there was no time to look at when its step was done is completed from the snapshots
        now, which loads it once; `history` has the sizes as they were recorded.

        Examples
        --------
        >>> import pforge_lab as pf
        >>> def double(x: int): return 2 * x
        >>> run = pf.Pipeline.from_functions("p", double).start({"x": 3}, state="memory:")
        >>> output = run.finish()
        >>> run.variable_sizes["variable"].to_list()
        ['x', 'double']
        """
        return history.sizes_frame(self._completed())

    @cached_property
    def _completion(self) -> Completion:
        return Completion(self.timeline.manifest, self._snapshots)

    def _completed(self) -> tuple[StepRecord, ...]:
        with self.still():
            return self._completion.of(self.history)

    def plot_memory(self, *, ax: Axes | None = None, beside: Run | None = None) -> Axes:
        """Draw resident memory per step, in MB: what held it, and the peak inside.

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

        Examples
        --------
        >>> import pforge_lab as pf
        >>> def double(x: int): return 2 * x
        >>> run = pf.Pipeline.from_functions("p", double).start({"x": 3}, state="memory:")
        >>> output = run.finish()
        >>> run.plot_memory().get_ylabel()
        'resident memory (MB)'
        """
        with self.still():
            return self._plotted(ax, beside)

    def _plotted(self, ax: Axes | None, beside: Run | None) -> Axes:
        from pforge_lab.views.plots import Panel, plot_both, plot_memory  # noqa: PLC0415 - a view, and matplotlib is slow to import

        dead, limit = self.dead, memory_limit()
        memory, sizes = self.memory, self.variable_sizes
        if ax is None and beside is not None:
            other = Panel(beside.memory, beside.variable_sizes, beside.id, beside.dead)
            return plot_both(Panel(memory, sizes, self.id, dead), other, limit=limit)
        then = predict(self._advice(dead), dead, memory, sizes, self._owners()) if ax is None else None
        if then is None:
            return plot_memory(memory, sizes, ax=ax, limit=limit, dead=dead)
        now = Panel(memory, sizes, "as it was", dead)
        told = Panel(then.memory, then.sizes, then.done, dead)
        return plot_both(now, told, then.finding, limit=limit, mark="peak as it was")

    @property
    def dead(self) -> dict[int, frozenset[str]]:
        """By position: variables that no later step reads and that are no results.

        Examples
        --------
        >>> import pforge_lab as pf
        >>> def raw(): return [3, 1, 2]
        >>> def ordered(raw): return sorted(raw)
        >>> def last(ordered): return ordered[-1]
        >>> run = pf.Pipeline.from_functions("p", raw, ordered, last).start(state="memory:")
        >>> output = run.finish()
        >>> run.dead[2]
        frozenset({'raw'})
        """
        return dead_by_position(self.pipeline, self.history, self._steps.kept)

    def _advice(self, dead: Mapping[int, Collection[str]]) -> list[Advice]:
        measured = [record.memory for record in self.history if record.memory and record.step]
        settled = all(reading.settled for reading in measured)
        return advise(dead, self.memory, self.variable_sizes, owners=self._owners(), settled=settled)

    def _owners(self) -> dict[int, dict[tuple[str, ...], int]]:
        return {record.index: record.owners() for record in self._completed()}

    def advise(self) -> pd.DataFrame:
        """Return which variables to drop, and the peak with and without, in bytes.

        One row per drop, the most effective first: ``variables after_step peak_before peak_after
        saves advice``. ``start(..., drop_unused=True)`` does it. Empty when nothing dead matters.
        The peaks are what the run would reach when it was started with ``memory="settle"``, and the
        best it could reach otherwise.

        Examples
        --------
        >>> import pforge_lab as pf
        >>> def double(x: int): return 2 * x
        >>> run = pf.Pipeline.from_functions("p", double).start({"x": 3}, state="memory:")
        >>> output = run.finish()
        >>> len(run.advise())
        0
        """
        with self.still():
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
            That step was not traced, or the file of its trace is gone.
        PositionError, WrongType
            As `Run.at`.

        Examples
        --------
        >>> import pforge_lab as pf
        >>> def double(x: int): return 2 * x
        >>> run = pf.Pipeline.from_functions("p", double).start({"x": 3}, state="memory:")
        >>> output = run.finish()
        >>> run.trace()
        Traceback (most recent call last):
        pforge_lab.errors.RunError: ...
        """
        from pforge_lab.runs.tracing import Trace  # noqa: PLC0415 - only where it is used

        with self.still():
            position = self.position if at is None else self.timeline.resolve(at)
            if not position:
                raise RunError("nothing was stepped at position 0; give a position or label", run=self.id)
            return Trace.of(self.timeline.records[position - 1])

    def size_bytes(self) -> int:
        """Return pforge's measure of the variables: lengths of their names and of their JSON, in bytes.

        A value that is no JSON counts with what it reaches in memory. Loads the variables.

        Examples
        --------
        >>> import pforge_lab as pf
        >>> def double(x: int): return 2 * x
        >>> run = pf.Pipeline.from_functions("p", double).start({"x": 3}, state="memory:")
        >>> output = run.finish()
        >>> run.size_bytes()
        9
        """
        return sum(len(name) + json_length(value) for name, value in self.variables.present().items())
