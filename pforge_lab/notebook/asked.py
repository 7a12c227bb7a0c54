"""What the parent of a kernel asks its recorder, by ``user_expressions`` of silent requests.

They leave nothing behind in the notebook. Each answers with JSON.
"""

from __future__ import annotations

import ctypes
import gc
import json
import sys
from time import perf_counter
from typing import Any

from pforge_lab.errors import PforgeError, one_line
from pforge_lab.notebook.recording import Recording, active
from pforge_lab.notebook.resuming import set_up
from pforge_lab.runs import api
from pforge_lab.runs.cell import Cell
from pforge_lab.runs.cells import adopt_cells, start_cells
from pforge_lab.runs.collection import collect_chunks
from pforge_lab.runs.namespace import NamespaceRecorder
from pforge_lab.state import StateManager, open_state
from pforge_lab.views.told import facts_of


def begin(config: str) -> str:
    """Open the store, take up the run or start one, and record from the next cell on.

    Parameters
    ----------
    config
        JSON: ``state name cells notebook params keep exclude snapshots id run position done``.

    Returns
    -------
    str
        JSON: ``run``, ``place``, ``seconds``; or ``trouble``.
    """
    clock, facts = perf_counter(), json.loads(config)
    try:
        state = open_state(facts["state"])
    except (PforgeError, OSError) as error:
        return json.dumps({"trouble": one_line(error)})
    try:
        recording = _prepared(state, facts)
        recording.start()
    except Exception as error:  # noqa: BLE001 - told to the parent, who decides
        state.close()
        return json.dumps({"trouble": one_line(error)})
    active.append(recording)
    facts = {"run": recording.recorder.run.id, "place": state.url, "seconds": perf_counter() - clock}
    return json.dumps(facts)


def _leave_alone(variables: dict[str, Any]) -> None:
    """Keep the garbage collector from what is there by now: it stays, and would be gone through with every import.

    The variables it sees, as before: who asks it for what refers to an object finds them.
    """
    gc.freeze()
    if sys.implementation.name == "cpython":
        for track in (ctypes.pythonapi.PyObject_GC_UnTrack, ctypes.pythonapi.PyObject_GC_Track):
            track(ctypes.py_object(variables))


def _prepared(state: StateManager, facts: dict[str, Any]) -> Recording:
    from IPython.core.getipython import get_ipython  # noqa: PLC0415 - the shell of this very kernel

    shell: Any = get_ipython()
    _leave_alone(shell.user_ns)
    cells = [Cell(*cell) for cell in facts["cells"]]
    if facts["run"] is None:
        run = start_cells(
            facts["name"], cells, state=state, notebook=facts["notebook"], keeps=facts["snapshots"],
            keep=facts["keep"], exclude=facts["exclude"], params=facts["params"], id=facts["id"],
        )  # fmt: skip
    else:
        run = api.open_run(facts["run"], state=state)
        if run.position != facts["position"]:
            run.goto(facts["position"])
        adopt_cells(run, facts["name"], cells, facts["exclude"])
    recorder = NamespaceRecorder(run, shell.user_ns, shell.user_ns_hidden, snapshots=facts["snapshots"])
    if facts["run"] is not None:
        with shell.builtin_trap:  # as in a cell: pandas looks where it is when it is imported
            recorder.restore()
            set_up(shell, [cell.source for cell in cells[: facts["done"]]])
    shell.execution_count = facts["done"] + 1
    return Recording(shell, recorder, cells, facts["done"])


def note(place: int, child_peak: int) -> str:
    """Add to the record of a cell what child processes held, as the parent has seen it."""
    recording = active[-1]
    records = recording.recorder.run.timeline.records
    if recording.trouble is None and records and records[-1].step == place:
        recording.recorder.note_child_peak(child_peak)
    return "{}"


def end() -> str:
    """Stop recording, close the store, and tell what came of it; ``facts`` are for the report."""
    recording = active.pop()
    run = recording.recorder.run
    facts = None
    try:
        recording.stop()
        facts = facts_of(run)
        if run.timeline.freed:
            collect_chunks(run.state)
            # A file that this process alone has; other stores have users beside it.
            if run.state.url.startswith("zodb:"):
                run.state.compact()
        run.state.close()
    except (PforgeError, OSError) as error:
        recording.trouble = recording.trouble or one_line(error)
    return json.dumps(
        {
            "position": run.position,
            "trouble": recording.trouble,
            "recording": recording.seconds,
            "facts": facts,
        }
    )
