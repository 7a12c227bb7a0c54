"""New runs that begin where another one is."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, SupportsIndex, cast

from pforge_lab.errors import PforgeError
from pforge_lab.runs.moving import Moving
from pforge_lab.runs.watched import Watched

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pforge_lab.pipeline.spec import Pipeline
    from pforge_lab.runs.run import Run


@contextmanager
def given_up(new: Run) -> Iterator[None]:
    """Delete a new run when its values cannot be given to it: there is the fork that was asked for, or none."""
    from pforge_lab.runs.housekeeping import delete_run  # noqa: PLC0415 - it opens runs, and imports this module

    try:
        yield
    except BaseException:
        with suppress(PforgeError):  # the store may be what failed; its error is under way
            delete_run(new.id, state=new.state)
        raise


class Forking(Moving, Watched):
    """Forks of a run. A base of `Run`."""

    def fork(self, at: SupportsIndex | str | None = None, set: Mapping[str, Any] | None = None) -> Run:  # noqa: A002 - the public name
        """Return a new run that has this one's history up to ``at`` and goes its own way from there.

        Parameters
        ----------
        at
            A position or label; the current position by default.
        set
            Variables to give other values at once, recorded as an edit of the new run.

        Raises
        ------
        PositionError
            The line has no such position or label, or the snapshot there was removed.
        WrongType
            ``at`` is neither a whole number nor a label.
        StateError
            The store does not take the new run: `StateReadOnly` where another process holds it.
        RunNotFound
            This run was deleted meanwhile.
        RunBusy
            A variable was changed in place here, and somebody else is advancing the run.
        UntrustedData
            With ``set``: the variables there are signed with another key and may run code.

        Notes
        -----
        Records and what they say of variables are copied, in time that grows with the number of
        positions; the variables themselves are shared.

        Examples
        --------
        >>> import pforge_lab as pf
        >>> def double(x: int): return 2 * x
        >>> run = pf.Pipeline.from_functions("p", double).start({"x": 3}, state="memory:")
        >>> output = run.finish()
        >>> run.fork(at=0, set={"x": 4}).finish().variables["double"]
        8
        """
        from pforge_lab.runs.api import fork  # noqa: PLC0415 - api makes runs, and imports this module

        self.note_edits()
        position = self.position if at is None else self.timeline.resolve(at)
        self.timeline.check_kept(self.head.lines.moved(position))
        new = fork(cast("Run", self), position)
        with given_up(new):
            if set:
                new.set(**set)
        self._forked(new, position)
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
        StateError, RunNotFound, RunBusy
            As `fork`.
        UntrustedData
            The run's params are signed with another key and may run code.

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

        return fork_changed(cast("Run", self), pipeline, from_step=from_step, params=params)
