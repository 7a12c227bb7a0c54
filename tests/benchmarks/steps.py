"""What a step costs beside its tool: 100 trivial linear steps, in microseconds a step, beside peers.

    python -m tests.benchmarks.steps

Each step adds one to a number. *one variable*: it is written over and over; *a variable a step*:
each step reads the last variable and writes the next, so that there are 100 in the end. All take
turns, round by round, so that a slow moment of the machine meets all of them; median and minimum of
the rounds are of the steps alone, without building graphs or making runs. Files are on the disk of
the folder for temporary files; what is durable waits for it at every step.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import statistics
import tempfile
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import pforge_lab as pf
from pforge_lab.pipeline.engine import execute

if TYPE_CHECKING:
    from collections.abc import Callable

    Case = Callable[[], float]  # executes the steps and returns seconds

STEPS, ROUNDS = 100, 9
FORMS = ("one variable", "a variable a step")


def names(form: str) -> list[tuple[str, str]]:
    """Return what each step reads and writes."""
    if form == FORMS[0]:
        return [("x", "x")] * STEPS
    return [(f"x{number}", f"x{number + 1}") for number in range(STEPS)]


def plus(x: int) -> int:
    """Return one more."""
    return x + 1


def timed(call: Callable[[], object]) -> float:
    """Return the seconds of one call."""
    started = perf_counter()
    call()
    return perf_counter() - started


# --- ours ----------------------------------------------------------------------------------------


def ours(form: str, folder: Path) -> dict[str, Case]:
    """Return the engine alone, a pipeline without records, and runs in memory and in a file."""
    flow = names(form)
    first = flow[0][0]
    made = pf.Pipeline(
        "steps",
        params={first: "integer"},
        steps=[
            pf.Step(plus, input={"x": f"{{{{ {read} }}}}"}, output_var=write, condition=f"{read} >= 0")
            for read, write in flow
        ],
    )

    def engine() -> None:
        scope: dict[str, object] = {first: 0}
        for index in range(STEPS):
            scope.update(execute(made, index, scope).variables)

    def recorded(state: object) -> float:
        return timed(made.start({first: 0}, state=state).finish)

    return {
        "pforge_lab's engine": lambda: timed(engine),
        "pforge_lab, record=False": lambda: timed(lambda: made.run({first: 0}, record=False)),
        "pforge_lab in memory": lambda: recorded("memory:"),
        "pforge_lab in a ZODB file": lambda: recorded(folder / f"{form.replace(' ', '-')}.fs"),
    }


# --- peers ---------------------------------------------------------------------------------------


def burr(form: str, folder: Path) -> dict[str, Case]:
    """Return Burr without and with its tracker."""
    from burr.core import ApplicationBuilder, State, action

    def step(read: str, write: str) -> Any:
        @action(reads=[read], writes=[write])
        def one(state: State) -> State:
            return state.update(**{write: plus(state[read])})

        return one

    flow = names(form)
    actions = {f"s{number}": step(*pair) for number, pair in enumerate(flow)}

    def run(tracked: bool) -> float:
        builder = (
            ApplicationBuilder()
            .with_actions(**actions)
            .with_transitions(*[(f"s{number}", f"s{number + 1}") for number in range(STEPS - 1)])
            .with_state(**{flow[0][0]: 0})
            .with_entrypoint("s0")
        )
        if tracked:
            builder = builder.with_tracker(
                "local", project="bench", params={"storage_dir": str(folder / "burr")}
            )
        made = builder.build()
        return timed(lambda: made.run(halt_after=[f"s{STEPS - 1}"]))

    return {"Burr": lambda: run(tracked=False), "Burr, tracker": lambda: run(tracked=True)}


def langgraph(form: str, folder: Path) -> dict[str, Case]:
    """Return LangGraph without a checkpointer, and with the one for SQLite, synchronous."""
    from typing import TypedDict

    from langgraph.checkpoint.sqlite import SqliteSaver
    from langgraph.graph import END, START, StateGraph

    flow = names(form)
    known = dict.fromkeys([flow[0][0], *(write for _, write in flow)], int)
    graph = StateGraph(TypedDict("Known", known))  # type: ignore[operator] # made of the form
    for number, (read, write) in enumerate(flow):
        graph.add_node(f"s{number}", lambda state, read=read, write=write: {write: plus(state[read])})
        graph.add_edge(f"s{number - 1}" if number else START, f"s{number}")
    graph.add_edge(f"s{STEPS - 1}", END)
    connection = sqlite3.connect(folder / f"{form.replace(' ', '-')}.db", check_same_thread=False)
    plain, kept = graph.compile(), graph.compile(checkpointer=SqliteSaver(connection))
    start = {flow[0][0]: 0}
    threads = iter(range(10**6))

    def saved() -> float:
        options = {"recursion_limit": 2 * STEPS, "configurable": {"thread_id": str(next(threads))}}
        return timed(lambda: kept.invoke(start, options, durability="sync"))

    return {
        "LangGraph": lambda: timed(lambda: plain.invoke(start, {"recursion_limit": 2 * STEPS})),
        "LangGraph, SqliteSaver(sync)": saved,
    }


def _functions() -> list[Any]:
    """Return functions that are named for what they make, each of the one before."""
    made: dict[str, Any] = {}
    for number in range(STEPS):
        exec(f"def x{number + 1}(x{number}: int) -> int:\n    return x{number} + 1", made)
    return [made[f"x{number + 1}"] for number in range(STEPS)]


def pipefunc(_form: str, _folder: Path) -> dict[str, Case]:
    """Return pipefunc, whose functions each make a variable of their own."""
    from pipefunc import Pipeline, pipefunc as wrapped

    made = Pipeline([wrapped(output_name=function.__name__)(function) for function in _functions()])
    return {"pipefunc": lambda: timed(lambda: made(f"x{STEPS}", x0=0))}


def hamilton(_form: str, _folder: Path) -> dict[str, Case]:
    """Return Hamilton, whose functions each make a variable of their own."""
    from hamilton import ad_hoc_utils, driver, telemetry

    telemetry.disable_telemetry()
    module = ad_hoc_utils.create_temporary_module(*_functions(), module_name="steps_of_hamilton")
    made = driver.Builder().with_modules(module).build()
    return {"Hamilton": lambda: timed(lambda: made.execute([f"x{STEPS}"], inputs={"x0": 0}))}


PEERS = {"burr": burr, "langgraph": langgraph, "pipefunc": pipefunc, "hamilton": hamilton}
SINGLE = {"pipefunc", "hamilton"}  # have no form with one variable
TARGETS = (
    ("pforge_lab in memory", "Burr", 0.7),
    ("pforge_lab in a ZODB file", "LangGraph, SqliteSaver(sync)", 0.6),
    ("pforge_lab, record=False", "pipefunc", 3.0),
)

# --- measuring -----------------------------------------------------------------------------------


def cases(form: str, folder: Path) -> dict[str, Case]:
    """Return all that can be measured here, by name."""
    found = ours(form, folder)
    for module, make in PEERS.items():
        if find_spec(module) is None:
            print(f"{module} is not installed: make .venv/.ready-bench")
        elif form == FORMS[1] or module not in SINGLE:
            found |= make(form, folder)
    return found


def measured(found: dict[str, Case]) -> dict[str, list[float]]:
    """Return microseconds a step of every round, by name."""
    for case in found.values():
        case()  # what is loaded and compiled once
    times: dict[str, list[float]] = {name: [] for name in found}
    for _ in range(ROUNDS):
        for name, case in found.items():
            times[name].append(case() / STEPS * 1e6)
    return times


def report(form: str, times: dict[str, list[float]]) -> None:
    """Print the table of one form, and the ratios that have a target."""
    print(f"\n{form + ', µs a step':34}{'median':>9}{'min':>9}")
    for name, each in times.items():
        print(f"{name:34}{statistics.median(each):9.1f}{min(each):9.1f}")
    for name, peer, target in TARGETS:
        if peer in times:
            median = statistics.median(times[name]) / statistics.median(times[peer])
            least = min(times[name]) / min(times[peer])
            print(f"{name} / {peer}: {median:.2f} (of minima {least:.2f}); target at most {target}")


def main() -> None:
    """Print both tables."""
    logging.getLogger("hamilton").setLevel(logging.ERROR)
    folder = Path(tempfile.mkdtemp())
    os.environ.setdefault("PFORGE_KEY", str(folder / "key"))
    x = list(range(STEPS))
    least = min(timed(lambda: [plus(number) for number in x]) for _ in range(99))
    print(f"{STEPS} steps, {ROUNDS} rounds. The calls alone take {least / STEPS * 1e6:.2f} µs a step.")
    for form in FORMS:
        report(form, measured(cases(form, folder)))


if __name__ == "__main__":
    main()
