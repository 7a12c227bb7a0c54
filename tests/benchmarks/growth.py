"""How cost grows: with the number of steps, of keys, and with the bytes of variables that do not change.

    python -m tests.benchmarks.growth [FIGURE]

Prints a table and draws the curves into FIGURE (docs/images/growth.svg).
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from matplotlib.figure import Figure

import pforge_lab as pf

STEPS = (1, 10, 100, 1_000, 10_000)
KEYS = (1, 10, 100, 1_000, 10_000, 100_000)
MEGABYTES = (1, 10, 100, 1_000, 2_000)
OTHERS = 10  # variables that the megabytes are in
KEPT = (1, 10, 100, 1_000, 2_000)
LAST = 50  # what is timed at each size is the median of so many


def bump(x: int) -> int:
    """Return one more."""
    return x + 1


def touch(count: int, blocks: list[Any]) -> int:
    """Change 1 MB in place, whatever else there is."""
    blocks[0][:] = count
    return count + 1


def by_steps() -> dict[int, float]:
    """Return microseconds per step at the end of a run of so many, in memory."""
    found = {}
    again = [{"if": f"x < {max(STEPS)}", "goto": "bump"}]
    step = pf.Step(bump, input={"x": "{{ x }}"}, output_var="x", next=again)
    made = pf.Pipeline("steps", params={"x": "integer"}, steps=[step], max_steps=max(STEPS) + 1)
    made.start({"x": 0}, state="memory:growth").step()  # what is loaded at first
    run = made.start({"x": 0}, state="memory:growth")
    times = []
    for number in range(1, max(STEPS) + 1):
        begin = perf_counter()
        run.step()
        times.append((perf_counter() - begin) * 1e6)
        if number in STEPS:
            found[number] = statistics.median(times[-LAST:])
    return found


def other(step: int, block: Any) -> Any:
    """Return another 256 KB in the place of the old."""
    return np.random.default_rng(step).random(len(block))


def kept(place: Path, steps: int) -> tuple[list[float], list[int]]:
    """Return, by step, milliseconds and bytes of a run in a file whose steps change as much each."""
    made = [
        pf.Step(other, input={"step": number, "block": "{{ block }}"}, output_var="block", label=f"s{number}")
        for number in range(steps)
    ]
    path, times, sizes = place / "lab.fs", [], []
    with pf.open_state(path, compact="never") as state:
        others = {f"v{number}": np.full(1000, number) for number in range(20)}
        params = dict.fromkeys(["block", *others], "any")
        run = pf.Pipeline("kept", params=params, steps=made).start(
            {"block": np.zeros(32_000), **others}, state=state
        )
        before = state._storage.getSize()
        for _ in range(steps):
            begin = perf_counter()
            run.step()
            times.append((perf_counter() - begin) * 1e3)
            sizes.append(state._storage.getSize() - before)
            before += sizes[-1]
    return times, sizes


def by_kept() -> tuple[dict[int, float], dict[int, float]]:
    """Return milliseconds, and kB, of a durable step after so many."""
    with tempfile.TemporaryDirectory() as place:
        times, sizes = kept(Path(place), max(KEPT))
    last = {number: slice(max(0, number - LAST), number) for number in KEPT}
    return (
        {number: statistics.median(times[part]) for number, part in last.items()},
        {number: statistics.mean(sizes[part]) / 1e3 for number, part in last.items()},
    )


def by_keys() -> dict[int, float]:
    """Return microseconds per durable set in a file with so many keys."""
    found = {}
    with tempfile.TemporaryDirectory() as place, pf.open_state(Path(place) / "lab.fs") as state:
        there = 0
        for count in KEYS:
            state.set_many({f"k{number:07}": b"v" * 200 for number in range(there, count)})
            there = count
            times = []
            for number in range(LAST):
                begin = perf_counter()
                state.set(f"k{number * 7919 % count:07}", b"w" * 200)
                times.append((perf_counter() - begin) * 1e6)
            found[count] = statistics.median(times)
    return found


def by_bytes() -> dict[int, float]:
    """Return milliseconds per step that changes 1 MB of so many MB of variables, kept in a file."""
    found = {}
    for megabytes in MEGABYTES:
        size = max(0, megabytes - 1) * 125_000 // OTHERS
        others = {f"v{place}": np.full(size, float(place)) for place in range(OTHERS)}
        params = dict.fromkeys(["count", "blocks", *others], "any")
        step = pf.Step(touch, input={"count": "{{ count }}", "blocks": "{{ blocks }}"}, output_var="count")
        with tempfile.TemporaryDirectory() as place, pf.open_state(Path(place) / "lab.fs") as state:
            steps = [step.model_copy(update={"label": f"s{number}"}) for number in range(12)]
            inputs = {"count": 0, "blocks": [np.zeros(125_000)], **others}
            run = pf.Pipeline("bytes", params=params, steps=steps).start(inputs, state=state)
            del inputs, others
            times = []
            for _ in range(12):
                begin = perf_counter()
                run.step()
                times.append((perf_counter() - begin) * 1e3)
            found[megabytes] = statistics.median(times[2:])
            del run
    return found


def draw(curves: dict[str, tuple[str, dict[int, float]]], path: Path) -> Figure:
    """Draw the curves side by side, on logarithmic axes from one size to the largest; return what was drawn."""
    figure = Figure(figsize=(11, 6.4), layout="constrained")
    places = list(figure.subplots(2, 3).flat)
    for axes in places[len(curves) :]:
        axes.set_axis_off()
    for axes, (title, (unit, curve)) in zip(places, curves.items(), strict=False):
        axes.plot(list(curve), list(curve.values()), marker="o", color="#0072B2")
        axes.set_xscale("log")
        axes.set_ylim(0, max(curve.values()) * 1.25)
        axes.set_title(title, loc="left", fontsize=9)
        axes.set_ylabel(unit)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=8)
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path)
    return figure


def main() -> None:
    """Print the tables and draw them."""
    os.environ.setdefault("PFORGE_KEY", str(Path(tempfile.mkdtemp()) / "key"))
    times, sizes = by_kept()
    curves = {
        "A durable step that changes 256 KB, after so many": ("ms", times),
        "What it adds to the file": ("kB", sizes),
        "A step of a run with so many steps": ("µs", by_steps()),
        "A durable set in a file with so many keys": ("µs", by_keys()),
        "A step that changes 1 MB of so many MB": ("ms", by_bytes()),
    }
    for title, (unit, curve) in curves.items():
        print(title)
        print("  " + "".join(f"{size:>10,}" for size in curve))
        print("  " + "".join(f"{cost:>10.1f}" for cost in curve.values()) + f"  {unit} (median)")
    target = (
        Path(sys.argv[1])
        if len(sys.argv) > 1
        else Path(__file__).parents[2] / "docs" / "images" / "growth.svg"
    )
    draw(curves, target)


if __name__ == "__main__":
    main()
