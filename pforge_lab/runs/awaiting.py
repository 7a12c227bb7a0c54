"""Advancing a run from a cell that awaits."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, cast

from pforge_lab import asyncbridge

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pforge_lab.runs.output import PipelineOutput
    from pforge_lab.runs.records import StepRecord
    from pforge_lab.runs.run import Run


class Awaiting:
    """`step` and `finish` that can be awaited. A base of `Run`.

    The steps execute in a thread of their own, so that the loop goes on meanwhile; coroutines of
    tools run on that loop, and may use what is bound to it. Cancelling ends the step as `Run.stop`
    does.
    """

    async def astep(self, n: int = 1, *, memory: str | Iterable[str] | None = None) -> StepRecord:
        """Execute the next step, or the next ``n``; parameters and errors as `Run.step`.

        Examples
        --------
        >>> import asyncio, pforge_lab as pf
        >>> async def double(x: int): return 2 * x
        >>> run = pf.Pipeline.from_functions("sum", double).start({"x": 20}, state="memory:")
        >>> asyncio.run(run.astep()).status, run["double"]
        ('done', 40)
        """
        run = cast("Run", self)
        return await asyncbridge.in_thread(partial(run.step, n, memory=memory), run.stop)

    async def afinish(self, until: str | None = None, *, retry_failed: bool = False) -> PipelineOutput:
        """Execute all steps that are left, or those up to ``until``; parameters and errors as `Run.finish`.

        ``retry_failed`` goes back to before the first step that failed under ``continue``.

        Examples
        --------
        >>> import asyncio, pforge_lab as pf
        >>> def double(x: int): return 2 * x
        >>> run = pf.Pipeline.from_functions("sum", double).start({"x": 20}, state="memory:")
        >>> asyncio.run(run.afinish()).variables["double"]
        40
        """
        run = cast("Run", self)
        return await asyncbridge.in_thread(partial(run.finish, until, retry_failed=retry_failed), run.stop)
