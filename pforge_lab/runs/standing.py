"""Where a run stands, in this process and in its store."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING

from pforge_lab.pipeline.spec import Pipeline
from pforge_lab.runs.checkpoint import Checkpoint

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from pforge_lab.runs.following import Follower
    from pforge_lab.runs.head import Head
    from pforge_lab.runs.lines import Line
    from pforge_lab.runs.manifest import Manifest
    from pforge_lab.runs.records import RunStatus, StepRecord
    from pforge_lab.runs.scope import Scope
    from pforge_lab.runs.snapshots import Snapshots
    from pforge_lab.runs.stepping import Stepping
    from pforge_lab.runs.timeline import Timeline
    from pforge_lab.state import StateManager


class Standing:
    """The position of a run, its lines and what leads there. A base of `Run`."""

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

    def is_behind(self) -> bool:
        """Return whether another process has moved the run since it was last looked at or advanced here.

        Costs one read of the store.

        Raises
        ------
        RunNotFound
            The run was deleted meanwhile.

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

        Reads the records of the current line; variables that differ are loaded when they are looked at.

        Raises
        ------
        RunNotFound
            The run was deleted meanwhile.
        UntrustedData
            The snapshot there is signed with another key and may run code.

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
