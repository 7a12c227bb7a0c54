"""Where a run may go, and who may move it."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, SupportsIndex

from pforge_lab.errors import PositionError, RunBusy, StateError, StateReadOnly
from pforge_lab.runs.changeable import is_open
from pforge_lab.runs.collection import collect_chunks
from pforge_lab.runs.costs import Costs

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator, Mapping

    from pforge_lab.runs.lines import Lines


class Moving(Costs):
    """Going to other positions and lines, by one thread of one process at a time. A base of `Run`."""

    _lock: threading.Lock

    def back(self, n: int = 1) -> None:
        """Go ``n`` positions back; the variables are as they were there.

        Raises
        ------
        PositionError
            There are fewer positions to go back, or the snapshot there was removed.
        RunBusy, RunNotFound, UntrustedData
            As `goto`.

        Examples
        --------
        >>> import pforge_lab as pf
        >>> def double(x: int): return 2 * x
        >>> run = pf.Pipeline.from_functions("p", double).start({"x": 3}, state="memory:")
        >>> output = run.finish()
        >>> run.back()
        >>> run.position, sorted(run.variables)
        (0, ['x'])
        """
        if not 0 <= n <= self.position:
            raise PositionError(
                f"cannot go back {n} from position {self.position}; run.back(n) takes 0 to {self.position}, "
                "and run.goto goes forward",
                run=self.id,
            )
        self.goto(self.position - n)

    def goto(self, target: SupportsIndex | str) -> None:
        """Go to ``target``: a position of the current line, or after the latest record of a label. Never executes.

        Costs a small write; variables that differ are loaded when they are looked at, or by the next
        step. What was changed in place here is recorded as an edit first.

        Raises
        ------
        PositionError
            The line has no such position, the label was not reached on it, or the snapshot there was
            removed.
        WrongType
            It is neither a whole number nor a label.
        RunBusy
            Another process or thread is advancing the run.
        StateReadOnly
            The store is open for reading only.
        RunNotFound
            The run was deleted meanwhile.
        UntrustedData
            The snapshot there is signed with another key and may run code.

        Examples
        --------
        >>> import pforge_lab as pf
        >>> def double(x: int): return 2 * x
        >>> run = pf.Pipeline.from_functions("p", double).start({"x": 3}, state="memory:")
        >>> output = run.finish()
        >>> run.goto(0)
        >>> run.goto("double")
        >>> run.position
        1
        """
        self._go(self.head.lines.moved(self.timeline.resolve(target)))

    def switch(self, line: int, position: int | None = None) -> None:
        """Go to another line of `lines`: to its end, or to a position of it. Never executes.

        Raises
        ------
        PositionError
            There is no such line, it has no such position, or the snapshot there was removed.
        RunBusy, RunNotFound, UntrustedData
            As `goto`.

        Examples
        --------
        >>> import pforge_lab as pf
        >>> def double(x: int): return 2 * x
        >>> run = pf.Pipeline.from_functions("p", double).start({"x": 3}, state="memory:")
        >>> output = run.finish()
        >>> run.back()
        >>> record = run.set(x=5)
        >>> run.switch(0)
        >>> run["double"]
        6
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
        self._steps.watchers("moved")

    def note_edits(self) -> None:
        """Record what was changed in place here and no step has noticed, so that leaving loses nothing."""
        if self.state.mode != "r" and self._steps.is_edited():
            with self._advancing():
                self._steps.note_edits()

    def took(self, values: Mapping[str, Any]) -> None:
        """Note that the caller may hold these objects, which are the run's now."""
        self._scope.adopt(self._scope.manifest, dict(values))
        self._scope.expose(*(name for name, value in values.items() if is_open(value)))

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Keep other threads out for as long as the block lasts, and refuse where another process has the store.

        Raises
        ------
        RunBusy
            Another thread is advancing the run, or a process that is alive has its store.
        StateReadOnly
            The store is open for reading only.
        """
        if self.state.mode == "r":
            raise self._only_read()
        if not self._lock.acquire(blocking=False):
            raise RunBusy(f"run {self.id} is being advanced by another thread of this process", run=self.id)
        try:
            yield
        finally:
            self._lock.release()

    def _only_read(self) -> RunBusy | StateReadOnly:
        """Return why a run in a store that is open for reading does not move, and what to do."""
        owner = self.timeline.journal.read_head().owner
        if owner is None or owner.is_me() or not owner.alive():
            return StateReadOnly(
                f"run {self.id} can only be looked at: {self.state.url} is open with mode='r'; open it with mode='w', "
                "and the run in it, to go on",
                url=self.state.url,
            )
        return RunBusy(
            f"run {self.id} can only be looked at: its store is held by {owner}; "
            "go on there, or close it there and open the run again",
            run=self.id,
            owner=str(owner),
            since=owner.since,
        )

    @contextmanager
    def _advancing(self) -> Iterator[None]:
        with self.holding():
            self.timeline.begin()
            self._steps.stop.ready()
            try:
                yield
            except BaseException:
                with suppress(StateError):  # the store may be what failed; its error is under way
                    self.timeline.settle()
                    self._give_back()
                raise
            else:
                self.timeline.settle()
                self._give_back()
            finally:
                self._steps.watchers("ended")

    def _give_back(self) -> None:
        """Collect the chunks of snapshots that were removed, once the run has ended."""
        if self.timeline.freed and self.status in ("done", "failed"):
            collect_chunks(self.state)
            self.timeline.freed = False
