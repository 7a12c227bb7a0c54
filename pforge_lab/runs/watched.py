"""Looking on while a run moves, and ending the step that another thread executes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from pforge_lab.runs.run import Run
    from pforge_lab.runs.stepping import Stepping
    from pforge_lab.runs.watching import Watcher


class Watched:
    """Who looks on, and who may stop. A base of `Run`."""

    _steps: Stepping

    def stop(self) -> bool:
        """End the step that another thread executes, as an interrupt does; return whether there was one.

        The step did not happen, what was complete stays, and the run is ``interrupted`` and can go on.
        The other thread gets a ``KeyboardInterrupt``. Commands, requests and coroutines end at once, a
        Python function at its next bytecode; a C call finishes first. In the main thread use Ctrl-C, or
        the notebook's ■. `stops_at_once` tells which it would be.

        Examples
        --------
        >>> import pforge_lab as pf
        >>> def double(x: int): return 2 * x
        >>> run = pf.Pipeline.from_functions("p", double).start({"x": 3}, state="memory:")
        >>> run.stop()
        False
        """
        return self._steps.stop()

    @property
    def stops_at_once(self) -> bool | None:
        """Whether `stop` would end the step under way at once; None when no other thread executes one.

        True for commands, requests and coroutines; a Python function ends at its next bytecode, after the C call
        that it is in.

        Examples
        --------
        >>> import pforge_lab as pf
        >>> def double(x: int): return 2 * x
        >>> run = pf.Pipeline.from_functions("p", double).start({"x": 3}, state="memory:")
        >>> run.stops_at_once is None
        True
        """
        return self._steps.stop.ends_at_once

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        """Call ``watcher`` with an `Event` whenever the run moves in this process; returns what ends it.

        Examples
        --------
        >>> import pforge_lab as pf
        >>> def double(x: int): return 2 * x
        >>> run = pf.Pipeline.from_functions("sum", double).start({"x": 20}, state="memory:")
        >>> ignore = run.watch(lambda event: print(event.kind, event.label))
        >>> record = run.step()
        started double
        kept double
        ended None
        >>> ignore()
        """
        return self._steps.watchers.add(watcher)

    def _forked(self, new: Run, position: int) -> None:
        """Tell who looks on that there is a fork of this run now."""
        self._steps.watchers("forked", fork=new.id, position=position)
