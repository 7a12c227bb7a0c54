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
            A state manager or a URL; a file beside the notebook or script by default.
        carry
            Name under which the final variables are kept: a run starts with those of the last one.
        drop_unused
            Overrides the pipeline's ``memory``.
        options
            Further ones of a run, such as ``memory``: deeper looks at it in every step, ``"settle"``,
            ``"exact"`` or ``"trace"``.

        Returns
        -------
        Run
            At position 0.

        Raises
        ------
        ParamError
            Inputs are missing, unknown or of the wrong type.

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
        StepError
            A step failed and its policy is ``fail_fast``; the run stays and can be resumed.

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
            Times that count, at least 50; a tenth more come before.
        inputs
            Values of the params.
        carry
            Start each time with the final variables of the one before.
        state
            A state manager for tools that ask for one; by default one in memory.

        Returns
        -------
        Growth
            Its ``verdict`` is one sentence; its ``table`` has growth and standard error by variable.

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
