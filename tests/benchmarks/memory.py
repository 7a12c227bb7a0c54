"""What measuring memory costs and how far off it is: ours beside what else there is.

Run ``python -m tests.benchmarks.memory``. Every figure comes from a fresh interpreter; times are
the least of several runs, shown as ratios to the same step without any measurement.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from tests.benchmarks._meters import METERS, SLOW

MB = 10**6
ROUNDS = 4
ROOT = Path(__file__).parents[2]

# --- the steps, and the bytes their peak truly rises by ------------------------------------------


def arrays():
    """450 MB at the peak, freed before the end."""
    import numpy as np

    first = np.ones(25_000_000)
    second = np.ones(31_250_000)
    del first, second


def dicts():
    """Keep many small objects."""
    return [{"number": number, "half": number / 2} for number in range(700_000)]


def locked():
    """One call that never gives up the GIL."""
    sorted(range(1_500_000), key=str)


def spike():
    """30 MB for a few milliseconds within a step of half a second."""
    import mmap

    _spin(0.25)
    with mmap.mmap(-1, 30 * MB) as block:
        for start in range(0, 30 * MB, mmap.PAGESIZE):
            block[start] = 1
    _spin(0.25)


def arrow():
    """200 MB in Arrow's pool."""
    import numpy as np
    import pyarrow as pa

    buffer = pa.allocate_buffer(200 * MB)
    np.frombuffer(buffer, np.uint8)[:] = 1
    return buffer


def ordinary():
    """About 50 ms of work that allocates a little."""
    for _ in range(35):
        sorted(str(number) for number in range(20_000))


def tiny():
    """Do next to nothing."""


def _spin(seconds):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        sum(range(100))


STEPS = {step.__name__: step for step in (arrays, dicts, locked, spike, arrow, ordinary, tiny)}

# --- the measurement --------------------------------------------------------------------------


def cell(meter, step):
    """Return the first rise that a meter reports in this process, and the least times with and without it."""
    import numpy as np  # noqa: F401 - imports are not part of any step
    import pyarrow as pa  # noqa: F401 - the same

    measure, work = METERS[meter](), STEPS[step]
    measure(tiny)
    rise = measure(work)
    calls = {"tiny": 20 if meter in SLOW else 2000, "ordinary": 5}.get(step, 1)
    bare, metered = [], []
    for _ in range(ROUNDS):
        bare.append(_seconds(work, calls))
        metered.append(_seconds(lambda: measure(work), calls))
    return {"rise": rise, "bare": min(bare), "metered": min(metered)}


def _seconds(call, calls):
    start = time.perf_counter()
    for _ in range(calls):
        call()
    return (time.perf_counter() - start) / calls


def fresh(meter, step, repeats):
    """Return the median rise, the least ratio of times and the least extra seconds over several interpreters."""
    results = []
    for _ in range(repeats):
        command = [sys.executable, "-m", "tests.benchmarks.memory", "--cell", meter, step]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        results.append(json.loads(done.stdout))
    rises = sorted(result["rise"] for result in results)
    bare, metered = (min(result[kind] for result in results) for kind in ("bare", "metered"))
    return rises[len(rises) // 2], metered / bare, metered - bare


def truth_of(step, repeats):
    """Return the true rise where it is known by construction, else what the kernel's mark says."""
    known = {"arrays": 450 * MB, "spike": 30 * MB, "arrow": 200 * MB}
    return known.get(step) or fresh("pforge_lab", step, repeats)[0]


def peaks(repeats):
    """Print error and cost of each meter for each step."""
    print("rise reported / true rise, and time / time without measuring")
    steps = [step for step in STEPS if step not in ("ordinary", "tiny")]
    print(f"{'':22}" + "".join(f"{step:>17}" for step in steps) + f"{'50 ms step':>13}{'us a tiny step':>17}")
    truth = {step: truth_of(step, repeats) for step in steps}
    for meter in METERS:
        if meter == "pipefunc" and find_spec("pipefunc") is None:
            print("pipefunc is not installed: make bench installs it")
            continue
        row = f"{meter:22}"
        for step in steps:
            rise, ratio, _ = fresh(meter, step, repeats)
            row += f"{rise / truth[step]:9.2f} {ratio:5.2f} x"
        ordinary_ratio, extra = fresh(meter, "ordinary", repeats)[1], fresh(meter, "tiny", repeats)[2]
        print(f"{row}{ordinary_ratio:11.3f} x{extra * 1e6:17.1f}", flush=True)


def sizes(repeats):
    """Print error and time of the ledger and its like for values whose size is known."""
    import numpy as np
    import pandas as pd
    from pympler.asizeof import asizeof

    from pforge_lab.runs.ledger import account

    frame = pd.DataFrame({"a": np.zeros(5 * MB), "b": np.ones(5 * MB)})
    numbers = [float(number) for number in range(MB)]
    array = np.zeros(10 * MB)
    cases = {
        "frame + its slice": ([frame, frame.iloc[: 2 * MB]], 80 * MB),
        "10 frames, same columns": ([frame.assign() for _ in range(10)], 80 * MB),
        "array + 3 views": ([array, array[::2], array[5:], array.reshape(10, -1)], 80 * MB),
        "a million floats": ([numbers], 32 * MB + sys.getsizeof(numbers)),
    }
    ways = {"pforge_lab": lambda values: sum(s.bytes for s in account(dict(enumerate(values))).values())}
    ways["nbytes, memory_usage"] = lambda values: sum(map(_shallow, values))
    ways["pympler"] = lambda values: asizeof(*values)
    print("\nbytes reported / true bytes, and milliseconds")
    print(f"{'':26}" + "".join(f"{way:>24}" for way in ways))
    for name, (values, truth) in cases.items():
        row = f"{name:26}"
        for way in ways.values():
            times = []
            for _ in range(repeats):
                start = time.perf_counter()
                found = way(values)
                times.append(time.perf_counter() - start)
            row += f"{found / truth:12.2f} {min(times) * 1e3:8.2f} ms"
        print(row, flush=True)


def budgets():
    """Print what the ledger takes when it may take a millisecond, and how far off it is then."""
    import numpy as np
    import pandas as pd

    from pforge_lab.runs.ledger import Ledger, account

    cases = {
        "300k dicts": [{"a": number, "b": number / 2} for number in range(300_000)],
        "300k arrays": [np.zeros(3) for _ in range(300_000)],
        "a dict of a million": {number: float(number) for number in range(MB)},
        "nested lists": [[[float(number) for number in range(20)] for _ in range(50)] for _ in range(50)],
        "200 Arrow columns": pd.DataFrame(
            {f"c{i}": pd.array(["some words"] * 1000, dtype="str") for i in range(200)}
        ),
        "a frame of 20 columns": pd.DataFrame({f"c{i}": np.zeros(1000) for i in range(20)}),
    }
    print(
        "\nmilliseconds of an account that may take 1 ms (min, median), of the next one, and bytes / unhurried bytes"
    )
    for name, value in cases.items():
        times, again = [], []
        for _ in range(ROUNDS + 1):
            ledger = Ledger()
            times.append(_seconds(partial(ledger.examine, {"v": value}, budget=0.001), 1))
            again.append(_seconds(partial(ledger.examine, {"v": value}, changed=(), budget=0.001), 1))
        found = Ledger().examine({"v": value}, budget=0.001).sizes["v"].bytes
        truth = account({"v": value})["v"].bytes
        middle = sorted(times)[len(times) // 2]
        print(
            f"{name:24}{min(times) * 1e3:7.2f}{middle * 1e3:7.2f}{min(again) * 1e3:8.3f}{found / truth:7.2f}",
            flush=True,
        )


def _shallow(value):
    if hasattr(value, "memory_usage"):
        return int(value.memory_usage(deep=True).sum())
    return getattr(value, "nbytes", None) or sys.getsizeof(value)


def main():
    """Measure one cell, or print all tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cell", nargs=2, metavar=("METER", "STEP"), help="measure one cell in this process")
    parser.add_argument("--repeats", type=int, default=3, help="interpreters per cell")
    options = parser.parse_args()
    if options.cell:
        print(json.dumps(cell(*options.cell)))
        return
    peaks(options.repeats)
    budgets()
    sizes(options.repeats)


if __name__ == "__main__":
    main()
