"""Who allocated what within a step: recorded by memray, shown as a table and as a flame graph."""

from __future__ import annotations

import importlib.util
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pforge_lab.errors import RunError, UsageError
from pforge_lab.runs.places import folder, make_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from pforge_lab.runs.records import StepRecord


def check_memray() -> None:
    """Raise `UsageError` where memray is not installed."""
    if importlib.util.find_spec("memray") is None:
        raise UsageError(
            "tracing needs memray, which runs on Linux and macOS; install it with: python -m pip install 'pforge_lab[trace]'"
        )


def trace_file(run: str, position: int) -> Path:
    """Return where the trace of a step is kept: in a folder beside the default stores."""
    return folder() / "traces" / f"{run}-{position}.memray"


@contextmanager
def tracing(path: Path) -> Iterator[None]:
    """Record every allocation of the block in a file."""
    check_memray()
    import memray  # noqa: PLC0415 - optional

    make_folder(path.parent)
    with memray.Tracker(destination=memray.FileDestination(path, overwrite=True, compress_on_exit=True)):
        yield


class Trace:
    """The allocations of one step that was stepped with ``memory="trace"``.

    Attributes
    ----------
    path
        The file that memray wrote; its own commands (``memray tree``, ``memray stats``) read it too.
    """

    def __init__(self, path: Path, title: str) -> None:
        self.path = path
        self._title = title

    @classmethod
    def of(cls, record: StepRecord) -> Trace:
        """Return the trace of a record's step.

        Raises
        ------
        RunError
            The step was not traced, or its file is gone.
        """
        file = record.memory.trace if record.memory else None
        again = (
            f"go to before it with run.goto({record.index - 1}) and step again with run.step(memory='trace')"
        )
        if file is None:
            raise RunError(f"step {record.label!r} was not traced; {again}")
        if not Path(file).is_file():
            raise RunError(f"the trace of step {record.label!r} is not at {file} any more; {again}")
        return cls(Path(file), f"{record.label!r} (position {record.index})")

    @property
    def table(self) -> pd.DataFrame:
        """What was allocated at the peak, the largest first: ``function file line bytes allocations``.

        Sums over the lines that allocated; ``bytes`` of the column add up to the peak of what the
        step allocated itself. Takes about a second per million allocations.
        """
        import memray  # noqa: PLC0415 - optional
        import pandas as pd  # noqa: PLC0415 - loaded for tables

        sums: dict[tuple[str, str, int], list[int]] = {}
        with memray.FileReader(self.path) as reader:
            for one in reader.get_high_watermark_allocation_records(merge_threads=True):
                stack = one.stack_trace(max_stacks=1)
                total = sums.setdefault(stack[0] if stack else ("(no Python code)", "", 0), [0, 0])
                total[0] += one.size
                total[1] += one.n_allocations
        rows = [(*place, *total) for place, total in sums.items()]
        table = pd.DataFrame(rows, columns=["function", "file", "line", "bytes", "allocations"])
        return table.sort_values("bytes", ascending=False, ignore_index=True)

    def flamegraph(self, path: str | Path | None = None) -> Path:
        """Write the flame graph of the peak as one HTML file that needs no network; return its path.

        Parameters
        ----------
        path
            Where to; by default beside the trace.
        """
        import memray  # noqa: PLC0415 - optional
        from memray.reporters.flamegraph import FlameGraphReporter  # noqa: PLC0415 - optional

        target = Path(path) if path is not None else self.path.with_suffix(".html")
        with memray.FileReader(self.path) as reader:
            reporter = FlameGraphReporter.from_snapshot(
                reader.get_high_watermark_allocation_records(merge_threads=True),
                memory_records=list(reader.get_memory_snapshots()),
                native_traces=reader.metadata.has_native_traces,
            )
            with target.open("w", encoding="utf-8") as file:
                reporter.render(
                    file,
                    reader.metadata,
                    show_memory_leaks=False,
                    merge_threads=True,
                    inverted=False,
                    no_web=True,
                )
        return target

    def __repr__(self) -> str:
        """Return the largest allocations as text."""
        return f"Allocations at the peak of step {self._title}\n{self.table.head(10).to_string(index=False)}"

    def _repr_html_(self) -> str:
        """Return the largest allocations as a table."""
        head = self.table.head(10).to_html(index=False)
        return f"<p>Allocations at the peak of step {self._title}; .flamegraph() writes the graph</p>{head}"
