"""What a step costs beside its tool: 100 trivial linear steps, in microseconds per step.

    python tests/benchmarks/steps.py

The bare loop calls the functions; the engine adds templates and conditions; a run adds records,
the memory reading and a snapshot of the small values after every step.
"""

from __future__ import annotations

import os
import statistics
import tempfile
from pathlib import Path
from time import perf_counter

import pforge_lab as pf
from pforge_lab.pipeline.engine import execute

STEPS, REPEATS = 100, 7


def plus(x: int) -> int:
    """Return one more."""
    return x + 1


def pipeline() -> pf.Pipeline:
    """Return 100 steps on one variable, each with a condition."""
    step = {"input": {"x": "{{ x }}"}, "output_var": "x", "condition": "x >= 0"}
    return pf.Pipeline("steps", params={"x": "integer"}, steps=[pf.Step(plus, **step) for _ in range(STEPS)])


def bare() -> None:
    """Call the function."""
    x = 0
    for _ in range(STEPS):
        x = plus(x)


def engine(made: pf.Pipeline) -> None:
    """Execute the steps, record nothing."""
    scope = {"x": 0}
    for index in range(STEPS):
        scope.update(execute(made, index, scope).variables)


def main() -> None:
    """Print the table."""
    os.environ.setdefault("PFORGE_KEY", str(Path(tempfile.mkdtemp()) / "key"))
    made = pipeline()
    places = tempfile.mkdtemp()
    cases = {
        "bare loop": bare,
        "engine": lambda: engine(made),
        "run in memory": lambda: made.start({"x": 0}, state="memory:").finish(),
        "run in a ZODB file": lambda: made.start({"x": 0}, state=Path(places) / "steps.fs").finish(),
    }
    print(f"{'':20}{'median µs':>10}{'min µs':>9}")
    for name, call in cases.items():
        call()
        seconds = []
        for _ in range(REPEATS):
            begin = perf_counter()
            call()
            seconds.append((perf_counter() - begin) / STEPS * 1e6)
        print(f"{name:20}{statistics.median(seconds):10.1f}{min(seconds):9.1f}")


if __name__ == "__main__":
    main()
