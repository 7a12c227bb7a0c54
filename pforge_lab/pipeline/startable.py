"""The doors from a pipeline to its runs: upwards, so that a pipeline reads well."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .spec import Pipeline


class Startable:
    """What executes a pipeline. A base of `Pipeline`."""

    def start(
        self, inputs: Mapping[str, object] | None = None, *, state: Any = None, carry: str | None = None,
        drop_unused: bool | None = None, **options: Any,
    ) -> Any:  # fmt: skip
        """Start a run; nothing executes yet.

        Parameters
        ----------
        inputs
            Values of the params.
        state
            A state manager or a URL; by default what the ``state:`` section of the pipeline's file says,
            or a file beside the notebook or script.
        carry
            Name under which the final variables are kept: a run starts with those of the last one.
        drop_unused
            Overrides the pipeline's ``memory``.
        options
            Further ones of a run. ``memory``: deeper looks at it in every step, ``"settle"``, ``"exact"``
            or ``"trace"``, see `Looks`. ``verify``: examine all variables before and after each step, and
            tell what one changed without naming it. ``keep``: which snapshots stay, ``"all"``, a number of the last
            ones, ``"records"`` for none, or a rule such as ``{"done": "records"}``. ``exclude``:
            patterns of names that are never kept. ``id``: the run's name.

        Returns
        -------
        Run
            At position 0.

        Raises
        ------
        ParamError
            Inputs are missing, unknown or of the wrong type.
        UsageError
            An option cannot be one, or the store has a run of that ``id`` already.
        StateError
            The store cannot be opened or does not take the run, such as `StateLocked`, `StateReadOnly`
            and `StateFull`; nothing was written.
        UntrustedData
            What is carried is signed with another key and may run code.
        PforgeError
            The user's key, which signs snapshots, can neither be read nor made (``PFORGE_KEY`` names it).

        Notes
        -----
        Costs one transaction: the inputs are pickled, hashed (about 0.1 s per GB) and written.

        Examples
        --------
        >>> from pforge_lab.pipeline.spec import Pipeline
        >>> def double(x: int): return 2 * x
        >>> pipeline = Pipeline.from_functions("demo", double)
        >>> run = pipeline.start({"x": 21}, state="memory:")
        >>> run.position, run.finish().variables["double"]
        (0, 42)
        """
        from pforge_lab.runs import api  # noqa: PLC0415 - upwards, so that a pipeline reads well

        return api.start(
            cast("Pipeline", self), inputs, state=state, carry=carry, drop_unused=drop_unused, **options
        )

    def run(
        self, inputs: Mapping[str, object] | None = None, *, state: Any = None, record: bool = True,
        **options: Any,
    ) -> Any:  # fmt: skip
        """Start a run and finish it.

        Parameters
        ----------
        inputs, state, options
            As `start`.
        record
            False executes the pipeline as plain function calls, for some microseconds a step: no run
            is made, nothing is measured, logged, kept or written, and ``state`` is only what tools
            get that ask for a state manager. Of the options there is then ``drop_unused``.

        Returns
        -------
        PipelineOutput
            With ``results`` and ``variables``.

        Raises
        ------
        ParamError, UsageError
            As `start`; nothing was executed.
        StateError
            The store cannot be opened, or does not take the run or one of its records.
        StepError
            A step failed and its policy is ``fail_fast``; the run stays and can be resumed.
        RunError
            A loop took as many steps as ``max_steps`` allows.

        Examples
        --------
        >>> from pforge_lab.pipeline.spec import Pipeline
        >>> def double(x: int): return 2 * x
        >>> Pipeline.from_functions("demo", double).run({"x": 21}, record=False).variables["double"]
        42
        """
        from pforge_lab.runs import api  # noqa: PLC0415 - upwards, so that a pipeline reads well

        return api.run(cast("Pipeline", self), inputs, state=state, record=record, **options)

    def resume(self, checkpoint: Any, *, state: Any = None) -> Any:
        """Return the run of a checkpoint, standing there.

        Parameters
        ----------
        checkpoint
            What ``run.checkpoint()`` returned, in any process.
        state
            Where the run lives now, if that is not where it was.

        Returns
        -------
        Run
            Its ``finish()`` goes on from there.

        Raises
        ------
        RunNotFound
            There is no run of that id any more.
        PositionError
            The run's snapshot at that place was removed.
        RunBusy
            Another process or thread is advancing the run, or holds its store.
        UntrustedData
            The snapshot is signed with another key and may run code.

        Examples
        --------
        >>> from pforge_lab.pipeline.spec import Pipeline
        >>> def double(x: int): return 2 * x
        >>> pipeline = Pipeline.from_functions("demo", double)
        >>> run = pipeline.start({"x": 21}, state="memory:")
        >>> checkpoint = run.checkpoint()
        >>> pipeline.resume(checkpoint).finish().variables["double"]
        42
        """
        from pforge_lab.runs import api  # noqa: PLC0415 - upwards, so that a pipeline reads well

        return api.resume(checkpoint, state=state)

    def repeat(
        self, n: int = 50, inputs: Mapping[str, object] | None = None, *, carry: bool = False, state: Any = None,
    ) -> Any:  # fmt: skip
        """Execute the pipeline ``n`` times, unrecorded, and say what grows from one time to the next.

        Parameters
        ----------
        n
            Times that count, at least 50; a tenth more come before. Each takes some 10 ms more than
            its steps.
        inputs
            Values of the params.
        carry
            Start each time with the final variables of the one before.
        state
            A state manager for tools that ask for one; by default one in memory.

        Returns
        -------
        Growth
            Its ``verdict`` is one sentence; its ``table`` has growth and standard error by variable, in
            bytes per repetition.

        Raises
        ------
        WrongValue
            ``n`` is below 50.
        ParamError
            As `start`.
        StepError
            A step failed and its policy is ``fail_fast``.

        Examples
        --------
        >>> from pforge_lab.pipeline.spec import Pipeline
        >>> def double(x: int): return 2 * x
        >>> pipeline = Pipeline.from_functions("demo", double)
        >>> growth = pipeline.repeat(50, {"x": 21})
        >>> list(growth.table["variable"])
        ['x', 'double', 'in no variable']
        """
        from pforge_lab.runs.repeating import repeat  # noqa: PLC0415 - upwards, so that a pipeline reads well

        return repeat(cast("Pipeline", self), n, inputs, carry=carry, state=state)
