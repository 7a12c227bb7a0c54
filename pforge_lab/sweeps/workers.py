"""An executor that may break: what a killed worker leaves undone is executed again."""

from __future__ import annotations

import inspect
import sys
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Executor, Future, wait
from typing import TYPE_CHECKING, Any, TypeVar

from pforge_lab.errors import RunError, UsageError
from pforge_lab.runs.places import say

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Task = TypeVar("Task")
Result = TypeVar("Result")
_TRIES = 3  # times that a task which is alone may lose its worker
_LOOK = 0.2  # seconds between looks at which tasks have begun


class Workers:
    """Executes tasks on an executor, each until it ends or has killed its worker three times.

    Parameters
    ----------
    executor
        Any executor; a function that makes one, called again when it breaks; or None for a pool of
        loky's, which carries functions of notebooks wherever processes are spawned.
    count
        Processes of the pool; by default as many as there are cores to use.

    Notes
    -----
    A pool that loses a worker fails everything it was given. Tasks that had begun by then are
    suspected of having killed it and executed one at a time, after all others.
    """

    def __init__(
        self, executor: Executor | Callable[[], Executor] | None = None, count: int | None = None
    ) -> None:
        if executor is not None and not callable(executor) and not hasattr(executor, "submit"):
            raise UsageError(
                f"an executor has submit(), as those of concurrent.futures and Client.get_executor() of Dask, and {type(executor).__name__} has none"
            )
        if executor is not None and count is not None:
            raise UsageError("the number of workers is a matter of the executor; give one of the two")
        given = hasattr(executor, "submit")
        self._make: Callable[[], Executor] = (
            (lambda: _pool(count)) if executor is None or given else executor  # type: ignore[assignment]
        )
        self._own = not given
        self._executor: Executor = executor if given else self._make()  # type: ignore[assignment]

    def results(
        self, work: Callable[[Task], Result], tasks: Iterable[Task]
    ) -> Iterator[tuple[Task, Result | BaseException]]:
        """Yield tasks with what became of them, as they end: the result, or what the work raised."""
        waiting = list(tasks)
        alone: list[Task] = []
        while waiting:
            before = len(waiting)
            lost: list[tuple[Task, bool]] = []
            for task, result, begun in self._round(work, waiting):
                if _is_lost(result):
                    lost.append((task, begun))
                else:
                    yield task, result
            stuck = len(lost) == before and not any(begun for _, begun in lost)
            alone += [task for task, begun in lost if begun or stuck]
            waiting = [task for task, begun in lost if not begun and not stuck]
        for task in alone:
            yield task, self._alone(work, task)

    def close(self, *, kill: bool = False) -> None:
        """Let go of the pool, if it is ours; with ``kill`` do not wait for what it executes."""
        if not self._own:
            return
        if kill and "kill_workers" in inspect.signature(self._executor.shutdown).parameters:  # loky's
            self._executor.shutdown(wait=True, kill_workers=True)  # type: ignore[call-arg]  # loky's own
        else:
            self._executor.shutdown(wait=not kill)

    def _alone(self, work: Callable[[Task], Result], task: Task) -> Result | BaseException:
        for _ in range(_TRIES):
            [(_, result, _)] = self._round(work, [task])
            if not _is_lost(result):
                return result
        return RunError(
            f"the worker was killed each of {_TRIES} times ({type(result).__name__}); it may need more memory than there is"
        )

    def _round(
        self, work: Callable[[Task], Result], tasks: list[Task]
    ) -> Iterator[tuple[Task, Result | BaseException, bool]]:
        """Yield each task once, with what became of it and whether it was seen to have begun."""
        futures: dict[Future[Result], Task] = {}
        try:
            for task in tasks:
                futures[self._submit(work, task)] = task
            begun: set[Future[Result]] = set()
            while futures:
                ended, _ = wait(futures, timeout=_LOOK, return_when=FIRST_COMPLETED)
                for future in ended:
                    yield futures.pop(future), _outcome(future), future in begun
                begun = {future for future in futures if future.running()}
        finally:
            for future in futures:  # whoever asked has left, by Ctrl-C for example
                future.cancel()

    def _submit(self, work: Callable[[Task], Result], task: Task) -> Future[Result]:
        try:
            return self._executor.submit(work, task)
        except BrokenExecutor:
            if not self._own:
                say("the executor is broken: what is left of the sweep goes on in a pool of its own")
                self._own = True
            self._executor = self._make()
            return self._executor.submit(work, task)


def _pool(count: int | None) -> Executor:
    import loky  # noqa: PLC0415 - only sweeps need it

    pool: Executor = loky.ProcessPoolExecutor(max_workers=count)
    return pool


def _outcome(future: Future[Any]) -> Any:
    try:
        error = future.exception()
    except CancelledError as cancelled:
        return cancelled
    return future.result() if error is None else error


def _is_lost(result: object) -> bool:
    """Return whether this says that a worker was lost, and nothing of what it was doing."""
    if isinstance(result, BrokenExecutor | CancelledError):
        return True
    distributed: Any = sys.modules.get("distributed")
    return distributed is not None and isinstance(result, distributed.KilledWorker)
