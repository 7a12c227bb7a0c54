"""What keeping every step costs: ours against a full dump of all variables, in the same run.

W1   50 steps, 20 arrays of 5.24 MB, one replaced per step.
W2c  20 steps, a frame of 200 MB, 1 % of one column written in place, contiguous rows.
W2r  the same, random rows.

    python -m tests.benchmarks.snapshots

Prints milliseconds per step (median and minimum), bytes kept, and ratios to the full dump with fsync;
for W1 also to LangGraph with its SqliteSaver, synchronous, which checkpoints after every node, and to Kishu.
"""

from __future__ import annotations

import os
import pickle
import statistics
import tempfile
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd

import pforge_lab as pf
from tests.benchmarks._kishu import kishu

ARRAYS, FLOATS = 20, 655_360
ROWS, COLUMNS = 2_500_000, 10
_random = np.random.default_rng(7)


def replace(step: int, array):
    """W1: a new array in place of an old one."""
    return array + step


def contiguous(step: int, frame):
    """W2c: write 1 % of a column, rows in a row."""
    start = step * (ROWS // 100)
    frame.iloc[start : start + ROWS // 100, step % COLUMNS] = float(step)


def scattered(step: int, frame):
    """W2r: write 1 % of a column, rows at random."""
    rows = _random.choice(ROWS, ROWS // 100, replace=False)
    frame.iloc[rows, step % COLUMNS] = float(step)


def w1():
    """Return pipeline and inputs of W1."""
    steps = [
        pf.Step(replace, input={"step": k, "array": f"{{{{ a{k % ARRAYS} }}}}"}, output_var=f"a{k % ARRAYS}")
        for k in range(50)
    ]
    inputs = {f"a{k}": _random.random(FLOATS) for k in range(ARRAYS)}
    return pf.Pipeline("w1", params=dict.fromkeys(inputs, "any"), steps=steps), inputs


def w2(tool):
    """Return pipeline and inputs of W2."""
    steps = [pf.Step(tool, input={"step": k, "frame": "{{ frame }}"}) for k in range(20)]
    frame = pd.DataFrame(_random.random((ROWS, COLUMNS)), columns=[f"c{k}" for k in range(COLUMNS)])
    return pf.Pipeline("w2", params={"frame": "any"}, steps=steps), {"frame": frame}


def ours(pipeline, inputs, place: Path):
    """Return seconds per step spent beside the tool, bytes after the start, and seconds of going back and restoring."""
    state = pf.open_state(place / "run.fs", compact="never")  # so that bytes are what the steps wrote
    run = pipeline.start(inputs, state=state)
    inputs.clear()
    before = _bytes(place)
    seconds = []
    while run.next_label:
        begin = perf_counter()
        record = run.step()
        seconds.append(perf_counter() - begin - record.seconds)
    kept = _bytes(place) - before
    begin = perf_counter()
    run.back()
    back = perf_counter() - begin
    begin = perf_counter()
    dict(run.at(run.position).variables)
    restored = perf_counter() - begin
    state.close()
    return seconds, kept, back, restored


def full_dump(pipeline, inputs, place: Path):
    """Return the same for pickle protocol 5 of all variables after each step, fsynced."""
    seconds, kept = [], 0
    variables = dict(inputs)
    for step in pipeline.steps:
        scope = {
            name: value for name, value in variables.items() if f"{{{{ {name} }}}}" in step.input.values()
        }
        outcome = pipeline.functions()[step.tool](step.input["step"], *scope.values())
        if step.output_var:
            variables[step.output_var] = outcome
        begin = perf_counter()
        with (place / "dump").open("wb") as file:
            pickle.dump(variables, file, 5)
            file.flush()
            os.fsync(file.fileno())
        seconds.append(perf_counter() - begin)
        kept += (place / "dump").stat().st_size
    begin = perf_counter()
    pickle.loads((place / "dump").read_bytes())
    return seconds, kept, float("nan"), perf_counter() - begin


def langgraph(inputs, place: Path):
    """Return seconds per step and bytes of LangGraph for W1; it writes between the nodes, where it is timed."""
    import sqlite3
    from typing import TypedDict

    from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
    from langgraph.checkpoint.sqlite import SqliteSaver
    from langgraph.graph import END, START, StateGraph

    steps, ended, seconds = 50, [perf_counter()], []

    def node(step: int):
        name = f"a{step % ARRAYS}"

        def work(state):
            seconds.append(perf_counter() - ended[0])
            made = {name: replace(step, state[name])}
            ended[0] = perf_counter()
            return made

        return work

    graph = StateGraph(TypedDict("Known", dict.fromkeys(inputs, object)))
    for step in range(steps):
        graph.add_node(f"s{step}", node(step))
        graph.add_edge(f"s{step - 1}" if step else START, f"s{step}")
    graph.add_edge(f"s{steps - 1}", END)
    connection = sqlite3.connect(place / "langgraph.db", check_same_thread=False)
    saver = SqliteSaver(connection, serde=JsonPlusSerializer(pickle_fallback=True))
    options = {"recursion_limit": 2 * steps, "configurable": {"thread_id": "w1"}}
    graph.compile(checkpointer=saver).invoke(inputs, options, durability="sync")
    seconds.append(perf_counter() - ended[0])
    connection.close()
    return seconds[1:], _bytes(place)


def beside_langgraph(mine) -> None:
    """Print LangGraph's row of W1 and the ratio to it."""
    if find_spec("langgraph") is None:
        print("langgraph is not installed: make bench installs it")
        return
    with tempfile.TemporaryDirectory() as place:
        seconds, kept = langgraph(w1()[1], Path(place))
    beside("LangGraph", seconds, kept, mine)


def beside_kishu(mine) -> None:
    """Print Kishu's row of W1 and the ratio to it."""
    try:
        seconds, kept = kishu(50, ARRAYS, FLOATS)
    except RuntimeError as error:
        print(f"Kishu could not be measured: {error}")
        return
    beside("Kishu", seconds, kept, mine)


def beside(name: str, seconds, kept: int, mine) -> None:
    """Print a peer's row of W1 and the ratio to it."""
    print(
        f"{'W1':5}{name:12}{statistics.median(seconds) * 1e3:10.2f}{min(seconds) * 1e3:9.2f}{kept / 50e6:9.2f}"
    )
    print(
        f"{'W1':5}{'ratio':12}{statistics.median(mine[0]) / statistics.median(seconds):10.3f}"
        f"{min(mine[0]) / min(seconds):9.3f}{mine[1] / kept:9.3f}"
    )


def _bytes(place: Path) -> int:
    return sum(path.stat().st_size for path in place.rglob("*") if path.is_file() and path.suffix != ".tmp")


def main() -> None:
    """Print the table."""
    os.environ.setdefault("PFORGE_KEY", str(Path(tempfile.mkdtemp()) / "key"))
    print(f"{'':5}{'':12}{'median ms':>10}{'min ms':>9}{'MB/step':>9}{'back ms':>9}{'restore ms':>11}")
    for name, make in (("W1", w1), ("W2c", lambda: w2(contiguous)), ("W2r", lambda: w2(scattered))):
        rows = {}
        for label, measure in (("full dump", full_dump), ("ours", ours)):
            with tempfile.TemporaryDirectory() as place:
                rows[label] = measure(*make(), Path(place))
            seconds, kept, back, restored = rows[label]
            per_step = kept / len(seconds) / 1e6
            print(
                f"{name:5}{label:12}{statistics.median(seconds) * 1e3:10.2f}{min(seconds) * 1e3:9.2f}"
                f"{per_step:9.2f}{back * 1e3:9.2f}{restored * 1e3:11.1f}"
            )
        dump, mine = rows["full dump"], rows["ours"]
        print(
            f"{name:5}{'ratio':12}{statistics.median(mine[0]) / statistics.median(dump[0]):10.3f}"
            f"{min(mine[0]) / min(dump[0]):9.3f}{mine[1] / dump[1]:9.3f}{'':9}{mine[3] / dump[3]:11.2f}"
        )
        if name == "W1":
            beside_langgraph(mine)
            beside_kishu(mine)


if __name__ == "__main__":
    main()
