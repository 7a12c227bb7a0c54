"""Recording in a kernel: each cell that is executed becomes a step of a run.

The parent of a kernel calls `begin`, `note` and `end` through the ``user_expressions`` of silent
requests, which leave nothing behind in the notebook; a notebook that records itself uses `Recording`.
"""

from __future__ import annotations

import ast
import json
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from pforge_lab import meter
from pforge_lab.errors import PforgeError, StateError
from pforge_lab.runs import api
from pforge_lab.runs.cells import (
    TOOL,
    Cell,
    adopt_cells,
    describe_notebook,
    parsed,
    pipeline_of,
)
from pforge_lab.runs.namespace import NamespaceRecorder
from pforge_lab.runs.performance import fingerprint, one_line
from pforge_lab.runs.records import LogLine, StepRecord
from pforge_lab.state import open_state

if TYPE_CHECKING:
    from collections.abc import Sequence

    from IPython.core.interactiveshell import InteractiveShell

    from pforge_lab.runs.run import Run

_ANYTHING = frozenset(("exec", "eval", "globals", "vars", "locals", "setattr", "get_ipython", "__main__"))
_SHOWN = frozenset(("stream", "display_data", "execute_result", "error"))
_current: list[Recording] = []


class Recording:
    """Listens to a shell and keeps each cell with what it displayed.

    Parameters
    ----------
    shell
        IPython's.
    recorder
        Keeps the namespace.
    cells
        The cells that will come, in order; None where nobody knows.
    """

    def __init__(
        self,
        shell: InteractiveShell,
        recorder: NamespaceRecorder,
        cells: Sequence[Cell] | None = None,
    ) -> None:
        self.recorder = recorder
        self.trouble: str | None = None
        self.seconds = 0.0
        self._shell = shell
        self._cells = cells
        self._names = set[str]()  # in functions and classes of all cells so far: any cell may call them
        self._scope: Any = None
        self._started = datetime.now(UTC)
        self._clock = 0.0
        self._messages: list[tuple[str, dict[str, Any]]] = []
        self._place = recorder.run.position
        self._session: Any = getattr(getattr(shell, "kernel", None), "session", None)

    def start(self) -> None:
        """Begin to listen."""
        self.recorder.begin()
        self._shell.events.register("pre_run_cell", self._before)
        self._shell.events.register("post_run_cell", self._after)
        if self._session is not None:
            self._send = self._session.send
            self._session.send = self._overhear

    def stop(self) -> None:
        """Listen no longer."""
        self._shell.events.unregister("pre_run_cell", self._before)
        self._shell.events.unregister("post_run_cell", self._after)
        if self._session is not None:
            self._session.send = self._send
        if self.trouble is None:
            self.recorder.end()

    def _overhear(self, stream: Any, msg_or_type: Any, content: Any = None, *args: Any, **more: Any) -> Any:
        kind = msg_or_type if isinstance(msg_or_type, str) else msg_or_type.get("msg_type")
        if kind in _SHOWN or kind == "clear_output":
            full = msg_or_type if content is None and isinstance(msg_or_type, dict) else {"content": content}
            self._messages.append((kind, full.get("content") or {}))
        return self._send(stream, msg_or_type, content, *args, **more)

    def _before(self, info: Any) -> None:  # noqa: ARG002 - IPython's protocol
        self._messages.clear()
        self._started, self._clock = datetime.now(UTC), perf_counter()
        self._scope = meter.enter()

    def _after(self, result: Any) -> None:
        if self._scope is None:  # the cell that began the recording
            return
        reading, seconds = meter.exit(self._scope), perf_counter() - self._clock
        self._scope = None
        if self.trouble is not None or not result.info.raw_cell.strip():
            return
        clock = perf_counter()
        try:
            self._keep(result, reading, seconds)
        except StateError as error:
            self.trouble = f"{one_line(error)}; cells after it are not recorded"
        except Exception as error:  # noqa: BLE001 - recording never fails a good job
            self.trouble = f"{one_line(error)}; cells after it are not recorded"
        self.seconds += perf_counter() - clock

    def _keep(self, result: Any, reading: meter.Reading, seconds: float) -> None:
        error = result.error_before_exec or result.error_in_exec
        source, place = result.info.raw_cell, self._place + 1
        if self._cells is None:
            cells = [Cell("")] * place
            adopt_cells(self.recorder.run, self.recorder.run.pipeline.name, cells)
        sys.stdout.flush()
        sys.stderr.flush()
        outputs = _outputs(self._messages)
        record = StepRecord(
            index=0,
            step=place,
            label=f"cell {place}",
            tool=TOOL,
            status="failed" if error else "done",
            started=self._started,
            seconds=seconds,
            error=one_line(error) if error else None,
            traceback="".join(traceback.format_exception(error)) if error else None,
            memory=reading,
            logs=tuple(_log(outputs)),
            code=fingerprint(self.recorder.run.pipeline, place - 1),
            source=source,
            outputs=outputs,
        )
        goes_on = self._cells is None or self._cells[place - 1].may_fail
        if error and not goes_on:
            self.recorder.fail(record)
            return
        self.recorder.keep(record, self._named(source))
        self._place = place

    def _named(self, source: str) -> set[str] | None:
        """Return the names in a cell and in all functions of cells; None when it may change anything."""
        try:
            statements = ast.parse(source).body
        except SyntaxError:  # a magic
            for statement in parsed(source):
                self._names |= _names(statement)
            return None
        names = set[str]()
        for statement in statements:
            names |= _names(statement)
            for node in ast.walk(statement):
                if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
                    self._names |= _names(node)
        names |= self._names
        return None if names & _ANYTHING else names


def _names(node: ast.AST) -> set[str]:
    names = {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}
    for inner in ast.walk(node):
        if isinstance(inner, (ast.Global, ast.Nonlocal)):
            names |= set(inner.names)
        if isinstance(inner, (ast.Import, ast.ImportFrom)):
            names |= {(name.asname or name.name).partition(".")[0] for name in inner.names}
        if isinstance(inner, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(inner.name)
    return names


def _outputs(messages: Sequence[tuple[str, dict[str, Any]]]) -> tuple[dict[str, Any], ...]:
    """Return messages as the outputs of a cell, as a client of the kernel would show them."""
    outputs: list[dict[str, Any]] = []
    for kind, content in list(messages):
        if kind == "clear_output":
            outputs.clear()
            continue
        fields = {key: value for key, value in content.items() if key != "transient"}
        output = {"output_type": kind} | fields
        last = outputs[-1] if outputs else {}
        if kind == "stream" and last.get("output_type") == kind and last["name"] == output["name"]:
            last["text"] += output["text"]
        else:
            outputs.append(output)
    return tuple(json.loads(json.dumps(outputs, default=repr)))


def _log(outputs: Sequence[dict[str, Any]]) -> list[LogLine]:
    lines = [
        LogLine(output["name"], line)
        for output in outputs
        if output["output_type"] == "stream"
        for line in output["text"].splitlines()
    ]
    return lines if len(lines) <= 400 else [*lines[:100], LogLine("stderr", "…"), *lines[-299:]]


def begin(config: str) -> str:
    """Open the store, take up the run or start one, and record from the next cell on.

    Parameters
    ----------
    config
        JSON: ``state name cells notebook params keep exclude snapshots run position``.

    Returns
    -------
    str
        JSON: ``run``, ``place``, ``seconds`` and what was not restored; or ``trouble``.
    """
    clock, facts = perf_counter(), json.loads(config)
    try:
        recording, lost = _prepared(facts)
        recording.start()
    except (PforgeError, OSError) as error:
        return json.dumps({"trouble": one_line(error)})
    _current.append(recording)
    run = recording.recorder.run
    return json.dumps(
        {"run": run.id, "place": run.state.url, "lost": lost, "seconds": perf_counter() - clock}
    )


def _prepared(facts: dict[str, Any]) -> tuple[Recording, dict[str, str]]:
    from IPython.core.getipython import get_ipython  # noqa: PLC0415 - the shell of this very kernel

    shell: Any = get_ipython()
    cells = [Cell(*cell) for cell in facts["cells"]]
    state = open_state(facts["state"])
    if facts["run"] is None:
        run = start(
            state, facts["name"], cells, keep=facts["keep"], exclude=facts["exclude"], params=facts["params"]
        )
        describe_notebook(run, facts["notebook"])
    else:
        run = api.open_run(facts["run"], state=state)
        if run.position != facts["position"]:
            run.goto(facts["position"])
        adopt_cells(run, facts["name"], cells)
    recorder = NamespaceRecorder(run, shell.user_ns, shell.user_ns_hidden, snapshots=facts["snapshots"])
    lost = recorder.restore() if facts["run"] is not None else {}
    recording = Recording(shell, recorder, cells)
    done = facts["done"]
    recording._place = done  # noqa: SLF001 - of this module
    shell.execution_count = done + 1
    return recording, lost


def start(
    state: Any,
    name: str,
    cells: Sequence[Cell],
    *,
    keep: Any = "all",
    exclude: Sequence[str] = (),
    params: Any = None,
) -> Run:
    """Start the run of a notebook."""
    run = api.start(pipeline_of(name, cells), state=state, keep=keep, exclude=exclude)
    if params:
        from pforge_lab.runs.journal import touched  # noqa: PLC0415 - only here

        head = touched(run.timeline.head, params=params)
        run.timeline.journal.write_head(head)
        run.timeline.head = head
    return run


def note(child_peak: int) -> str:
    """Add to the last record what child processes held, as the parent has seen it."""
    recording = _current[-1]
    if recording.trouble is None and recording.recorder.run.timeline.records:
        recording.recorder.note_child_peak(child_peak)
    return "{}"


def end() -> str:
    """Stop recording, close the store, and tell what came of it as JSON."""
    recording = _current.pop()
    recording.stop()
    run = recording.recorder.run
    from pforge_lab.runs.collection import collect_chunks  # noqa: PLC0415 - only at the end

    if run.timeline.freed:
        collect_chunks(run.state)
        run.state.compact()
    facts = {"position": run.position, "trouble": recording.trouble, "seconds": recording.seconds}
    run.state.close()
    return json.dumps(facts)


def record_on(shell: InteractiveShell, run: Run | None = None) -> Recording:
    """Record each cell of a live notebook from the next one on, as a new run or going on with one."""
    if _current:
        return _current[-1]
    from pforge_lab.runs.places import default_name, default_state  # noqa: PLC0415 - only here

    chosen = start(default_state(), Path(default_name()).stem, []) if run is None else run
    recording = Recording(shell, NamespaceRecorder(chosen, shell.user_ns, shell.user_ns_hidden))
    recording.start()
    _current.append(recording)
    return recording


def record_off() -> Recording | None:
    """Stop recording a live notebook; return the recording that was on."""
    if not _current:
        return None
    recording = _current.pop()
    recording.stop()
    return recording
