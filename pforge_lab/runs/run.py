"""A run: one execution of a pipeline that can be stepped, rewound, forked, diffed and resumed."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING, Any

from pforge_lab.errors import RunError
from pforge_lab.pipeline.names import check_variable
from pforge_lab.runs.awaiting import Awaiting
from pforge_lab.runs.cell import how_to_go_on, step_of
from pforge_lab.runs.exclusion import Exclusion
from pforge_lab.runs.following import Follower
from pforge_lab.runs.forking import Forking
from pforge_lab.runs.looks import Looks
from pforge_lab.runs.scope import Scope
from pforge_lab.runs.stepping import Stepping
from pforge_lab.runs.surroundings import found_in
from pforge_lab.runs.timeline import Timeline

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from pforge_lab.pipeline.spec import Pipeline
    from pforge_lab.runs.journal import Journal
    from pforge_lab.runs.output import PipelineOutput
    from pforge_lab.runs.records import StepRecord
    from pforge_lab.runs.snapshots import Snapshots
    from pforge_lab.state import StateManager
    from pforge_lab.widgets.stepper import Stepper


class Run(Forking, Awaiting):
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

    Beside its tool a step costs pickling and hashing what it may have changed (buffers about 0.1 s per
    GB) and writing the chunks of it that are new.

    Values load when they are looked at: what the store lacks or finds damaged raises `StateCorrupt`
    then, and what is signed with another key and may run code `UntrustedData`. A run that is open for
    looking only reads the store at each look, and raises `RunNotFound` once it was deleted there.

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
        self._timeline = timeline = Timeline(journal, pipeline.labels)
        self._follower = None
        self._snapshots = snapshots
        self._snapshots.look_in = partial(found_in, self.timeline)
        self._lock = threading.Lock()
        self._scope = Scope(
            snapshots,
            timeline.manifest(timeline.position),
            self._maker_here(),
            Exclusion.of(timeline.head.exclude),
        )
        self._steps = Stepping(
            self.id,
            pipeline,
            self.state,
            timeline,
            self._scope,
            drop_unused=drop_unused,
            left_out=left_out or {},
        )
        if self.state.mode == "r":
            self._follower = Follower(timeline, self._moved)

    def step(
        self, n: int = 1, *, memory: str | Iterable[str] | None = None, verify: bool = False
    ) -> StepRecord:
        """Execute the next step, or the next ``n``, and return the last record.

        Parameters
        ----------
        n
            How many.
        memory
            Deeper looks at memory in these steps, beside those of the run: ``"settle"``, ``"exact"``,
            ``"trace"`` or several; see `Looks` for what each does and costs.
        verify
            Examine all variables before and after these steps, as ``start(verify=True)`` does for all.

        Raises
        ------
        StepError
            The tool raised under ``fail_fast``. The run is at the position before the step with its
            variables as they were; the next `step` tries it again.
        RunBusy
            Another process or thread is advancing the run.
        StateReadOnly
            The store is open for reading only.
        RunNotFound
            The run was deleted meanwhile.
        RunError
            The run is done, took as many steps as ``max_steps`` allows, ``n`` is below 1, or its
            steps are cells of a notebook.
        StateError
            The store does not take the record, such as `StateFull`; the step did not happen.
        UntrustedData
            The variables are signed with another key and may run code.
        UsageError
            ``memory`` names no such look, or needs what is not installed.

        Examples
        --------
        >>> import pforge_lab as pf
        >>> def double(x: int): return 2 * x
        >>> run = pf.Pipeline.from_functions("p", double).start({"x": 3}, state="memory:")
        >>> run.step().label
        'double'
        """
        if n < 1:
            raise RunError(
                f"step takes a number of at least 1, not {n}; to go back use run.back()", run=self.id
            )
        looks = Looks.of(memory)
        self._check_executable()
        with self._advancing():
            for left in range(n - 1, -1, -1):
                self._steps.check_stopped()
                record = self._steps.one(last=left == 0, looks=looks, verify=verify)
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
        StepError, RunBusy, RunNotFound, RunError, StateError, UntrustedData
            As `step`; what was completed stays. A run that is done raises nothing.
        PositionError
            The pipeline has no step of that label, or the snapshot to go back to was removed.

        Examples
        --------
        >>> import pforge_lab as pf
        >>> def double(x: int): return 2 * x
        >>> run = pf.Pipeline.from_functions("p", double).start({"x": 3}, state="memory:")
        >>> run.finish().variables["double"]
        6
        """
        if until is not None:
            self.timeline.check_label(until)
        if retry_failed and (failed := [record for record in self.history if record.status == "failed"]):
            self._check_executable()
            self.goto(failed[0].index - 1)
        if self.timeline.next_step() is not None and not self._is_behind(until):
            self._check_executable()
            with self._advancing():
                while self.timeline.next_step() is not None:
                    self._steps.check_stopped()
                    record = self._steps.one(last=False)
                    if each is not None:
                        each(record)
                    if record.label == until:
                        break
        return self.output()

    def _check_executable(self) -> None:
        """Refuse to execute cells of a notebook: that needs its kernel."""
        if self.pipeline.labels[:1] == (step_of(1)["label"],):  # else the definition need not be read
            definition = self.timeline.journal.definition()
            if definition.get("cells"):
                how = how_to_go_on(self.id, definition["notebook"], self.state.url)
                raise RunError(
                    f"the steps of run {self.id} are cells of a notebook, which are not executed here; {how}",
                    run=self.id,
                )

    def _is_behind(self, label: str | None) -> bool:
        """Return whether the step of that label was executed, or passed, and nothing leads back to it."""
        following = self.timeline.next_step()
        if label is None or following is None or any(step.next for step in self.pipeline.steps):
            return False
        return self.pipeline.labels.index(label) < following

    def set(self, **values: Any) -> StepRecord:
        """Give variables other values and go on from there; recorded as an edit.

        From an earlier position this starts a new line.

        Raises
        ------
        RunError
            No variable is given, or what is given is no name that templates can read.
        PositionError
            The snapshot here was removed.
        RunBusy, RunNotFound, StateError, UntrustedData
            As `step`; nothing has changed.

        Examples
        --------
        >>> import pforge_lab as pf
        >>> def double(x: int): return 2 * x
        >>> run = pf.Pipeline.from_functions("p", double).start({"x": 3}, state="memory:")
        >>> output = run.finish()
        >>> run.set(double=7).status
        'edited'
        """
        if not values:
            raise RunError("set takes at least one NAME=VALUE", run=self.id)
        try:
            for name in values:
                check_variable(name)
        except ValueError as error:
            raise RunError(str(error), run=self.id) from None
        self.timeline.check_kept(self.head.lines)
        with self._advancing():
            return self._steps.edit(values)

    def ui(self) -> Stepper:
        """Return a stepper: this run to click through in a notebook.

        Its buttons execute steps in a thread of its own, and it shows moves made by any other door.

        Examples
        --------
        >>> import pforge_lab as pf
        >>> def double(x: int): return 2 * x
        >>> run = pf.Pipeline.from_functions("p", double).start({"x": 3}, state="memory:")
        >>> type(run.ui()).__name__
        'Stepper'
        """
        from pforge_lab.widgets.stepper import Stepper  # noqa: PLC0415 - a view, and ipywidgets is slow to import

        return Stepper(self)
