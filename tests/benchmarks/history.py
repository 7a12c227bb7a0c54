"""Whether what comes back is what was there: the same questions to us and to peers, right or wrong.

    python -m tests.benchmarks.history

Two steps: ``load`` makes a frame, ``scale`` multiplies it by ten. Asked is what each history says of the
frame after either of them, when ``scale`` makes a new frame, changes the old one in place and returns it, or
changes it in place and returns nothing of it; how many bytes frames hold that share their columns; and
whether opening somebody's file executes what is in it.
"""

from __future__ import annotations

import os
import pickle
import platform
import tempfile
from contextlib import suppress
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import pforge_lab as pf

TRUTH = ([1.0, 2.0], [10.0, 20.0])
REFUSED, STRANGER = "TypeError", "what a stranger's file executes"
WAYS = ("a new frame", "in place, returned", "in place, not returned")


def load() -> pd.DataFrame:
    """Return the frame that all begin with."""
    return pd.DataFrame({"x": TRUTH[0]})


def scale(frame: pd.DataFrame, way: str) -> pd.DataFrame | None:
    """Multiply by ten, one way or another."""
    if way == WAYS[0]:
        return frame * 10
    frame["x"] *= 10
    return frame if way == WAYS[1] else None


def line(peer: str, package: str, asked: str, gave: object, truth: object) -> None:
    """Print one answer."""
    number = platform.python_version() if package == "Python" else version(package)
    verdict = "refused" if gave == REFUSED else "right" if gave == truth else "wrong"
    print(f"{peer:28}{number:12}{asked:42}{gave!s:30}{verdict}", flush=True)


# --- histories: what each says of the frame after load, and after scale --------------------------


def ours(way: str, folder: Path) -> tuple[list[float], ...]:
    """Step, and look at both positions."""
    output = None if way == WAYS[2] else "frame"
    second = pf.Step(scale, input={"frame": "{{ frame }}", "way": way}, output_var=output)
    with pf.open_state(folder / "history.fs") as state:
        run = pf.Pipeline("history", steps=[pf.Step(load, output_var="frame"), second]).start(state=state)
        run.finish()
        return tuple(list(run.at(position)["frame"]["x"]) for position in (1, 2))


def langgraph(way: str, serde: Any) -> tuple[list[float], ...]:
    """Invoke with a checkpointer, synchronous, and look at the checkpoints after both nodes."""
    from typing import TypedDict

    from langgraph.checkpoint.memory import InMemorySaver
    from langgraph.graph import END, START, StateGraph

    def second(state: Any) -> dict[str, Any]:
        made = scale(state["frame"], way)
        return {"done": True} if made is None else {"frame": made}

    graph = StateGraph(TypedDict("Known", {"frame": object, "done": bool}))  # type: ignore[operator]
    graph.add_node("load", lambda _: {"frame": load()})
    graph.add_node("scale", second)
    for edge in ((START, "load"), ("load", "scale"), ("scale", END)):
        graph.add_edge(*edge)
    made = graph.compile(checkpointer=InMemorySaver(serde=serde))
    options: Any = {"configurable": {"thread_id": "1"}}
    made.invoke({"done": False}, options, durability="sync")
    kept = {at.next: at.values for at in made.get_state_history(options)}  # noqa: PD011 - no frame
    return tuple(list(kept[after]["frame"]["x"]) for after in (("scale",), ()))


def burr(way: str, folder: Path) -> tuple[list[float], ...]:
    """Run with the local tracker and its serializer of frames, and load both states."""
    import burr.integrations.serde.pandas  # noqa: F401 - is registered so
    from burr.core import ApplicationBuilder, State, action
    from burr.tracking import LocalTrackingClient

    @action(reads=[], writes=["frame"])
    def first(state: State) -> State:
        return state.update(frame=load())

    @action(reads=["frame"], writes=["frame"])
    def second(state: State) -> State:
        made = scale(state["frame"], way)
        return state if made is None else state.update(frame=made)

    place = str(folder / way.replace(" ", "-"))
    tracker = LocalTrackingClient(
        project="history", storage_dir=place, serde_kwargs={"pandas_kwargs": {"path": place}}
    )
    made = (
        ApplicationBuilder()
        .with_actions(first=first, second=second)
        .with_transitions(("first", "second"))
        .with_entrypoint("first")
        .with_tracker(tracker)
        .build()
    )
    made.run(halt_after=["second"])
    kept = [tracker.load("", app_id=made.uid, sequence_id=number)["state"] for number in (0, 1)]
    return tuple(list(state["frame"]["x"]) for state in kept)


def histories(folder: Path) -> None:
    """Print what each history says, whichever way the frame is changed."""
    for way in WAYS:
        line("pforge_lab", "pforge_lab", f"history, {way}", ours(way, folder), TRUTH)
    if find_spec("langgraph"):  # `make bench` installs them
        from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

        try:
            gave: object = langgraph(WAYS[0], JsonPlusSerializer())
        except TypeError:
            gave = REFUSED
        line("LangGraph", "langgraph", f"history, {WAYS[0]}", gave, TRUTH)
        for way in WAYS:
            gave = langgraph(way, JsonPlusSerializer(pickle_fallback=True))
            line("LangGraph, pickle_fallback", "langgraph", f"history, {way}", gave, TRUTH)
    if find_spec("burr"):
        for way in WAYS:
            line("Burr, tracker, pandas", "apache-burr", f"history, {way}", burr(way, folder), TRUTH)


# --- the other questions ---------------------------------------------------------------------------


def sizes() -> None:
    """Print the megabytes that are said of ten frames that share 8 MB of columns."""
    from dask.sizeof import sizeof

    from pforge_lab.runs.ledger import account

    frame = pd.DataFrame({"a": np.zeros(10**6)})
    frames = [frame.assign() for _ in range(10)]
    mine = sum(size.bytes for size in account(dict(enumerate(frames))).values())
    for peer, package, found in (
        ("pforge_lab", "pforge_lab", mine),
        ("pandas, memory_usage", "pandas", sum(int(each.memory_usage().sum()) for each in frames)),
        ("dask, sizeof", "dask", sizeof(frames)),
    ):
        line(peer, package, "MB of ten frames that share 8 MB", round(found / 1e6), 8)


class Trap:
    """Leaves a file where it is unpickled: what a stranger's file could do."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def strangers(folder: Path) -> None:
    """Print what is executed by opening what somebody else, with another key, has written."""
    sprung = folder / "sprung"
    answers = {True: "their code", False: "nothing"}
    mine, os.environ["PFORGE_KEY"] = os.environ["PFORGE_KEY"], str(folder / "theirs")
    with pf.open_state(folder / "theirs.fs") as state:
        pf.Pipeline("trap", params={"trap": "any"}, steps=[]).start({"trap": Trap(sprung)}, state=state)
    os.environ["PFORGE_KEY"] = mine
    sprung.unlink(missing_ok=True)
    with pf.open_state(folder / "theirs.fs") as state, suppress(pf.UntrustedData):
        print(pf.open_run(state=state)["trap"])
    line("pforge_lab", "pforge_lab", STRANGER, answers[sprung.exists()], "nothing")
    pickle.loads(pickle.dumps(Trap(sprung)))
    line("pickle", "Python", STRANGER, answers[sprung.exists()], "nothing")


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as place:
        os.environ["PFORGE_KEY"] = str(Path(place) / "key")
        print(f"{'peer':28}{'version':12}{'asked':42}{'gave':30}")
        histories(Path(place))
        sizes()
        strangers(Path(place))


if __name__ == "__main__":
    main()
