"""A sweep of a notebook: which runs it has, which are missing, and where their outputs are written."""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook

from pforge_lab.errors import ParamError, UsageError
from pforge_lab.papermill_engine.parameters import declared, defaults, name_faults, type_faults
from pforge_lab.papermill_engine.report import cells_of, is_report
from pforge_lab.runs import api
from pforge_lab.runs.head import heads
from pforge_lab.sweeps.grid import digest_of, member_id
from pforge_lab.sweeps.key import KeyPass
from pforge_lab.sweeps.landing import exported, is_shared
from pforge_lab.sweeps.notebook_job import NotebookJob, execute_notebook

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from pforge_lab.state import StateManager
    from pforge_lab.sweeps.workers import Workers

_LONGEST = 120  # characters of a file's name
_PLAIN = (str, int, float, bool, type(None))


@dataclass(frozen=True, slots=True)
class SweptNotebook:
    """The notebook that a sweep executes.

    Attributes
    ----------
    path
        Where it is.
    content
        As papermill reads it.
    folder
        Where outputs go.
    """

    path: Path
    content: Any
    folder: Path

    @classmethod
    def read(cls, path: str | Path, folder: str | Path | None) -> SweptNotebook:
        """Read a notebook.

        Raises
        ------
        UsageError
            It is none.
        """
        source = Path(path).resolve()
        if source.suffix != ".ipynb":
            raise UsageError(f"{path} is no notebook (.ipynb); load a pipeline file with pf.load_pipeline")
        try:
            content = load_notebook_node(str(source))
        except (OSError, ValueError, KeyError, AttributeError) as error:
            raise UsageError(f"{path} is no notebook that can be read: {error}") from error
        beside = source.with_name(f"{source.stem}-sweep")
        return cls(source, content, beside if folder is None else Path(folder).resolve())

    def check(self, sets: list[dict[str, Any]], outputs: Collection[str]) -> None:
        """Refuse parameters that the notebook does not declare, and values that cannot be written into it."""
        if isinstance(outputs, str):
            raise UsageError(f"outputs is a list of names, such as [{outputs!r}]")
        known = declared(self.content)
        if known is None and any(sets):
            raise UsageError(f"{self.path.name} has no cell tagged 'parameters'; tag the one that sets them")
        found = [
            fault
            for params in sets
            for fault in type_faults(known, params) + name_faults(known or {}, params)
        ]
        if found:
            raise ParamError.of(dict.fromkeys(found))
        for params in sets:
            for name, value in params.items():
                if not _is_plain(value):
                    raise UsageError(
                        f"parameter {name!r} is a {type(value).__name__}, and those of notebooks are numbers, texts, "
                        "lists and dicts; give the path of a file with it"
                    )

    def output(self, params: Mapping[str, Any]) -> Path:
        """Return where the output of a set is written: named by its values, where these are short."""
        told = ",".join(f"{name}={value}" for name, value in params.items())
        short = re.sub(r"[^A-Za-z0-9_.=,+-]+", "-", told)[:_LONGEST]
        mark = "" if short == told else f"-{digest_of(dict(params))}"
        return self.folder / f"{self.path.stem}{'-' if told else ''}{short}{mark}.ipynb"

    def sources(self, params: Mapping[str, Any]) -> list[str]:
        """Return the code of its cells with the parameters of a set."""
        content = copy.deepcopy(self.content)
        content.cells = [cell for cell in content.cells if not is_report(cell)]
        if params:
            content = parameterize_notebook(content, dict(params))
        return [cell.source for cell in cells_of(content)]


@dataclass(frozen=True, slots=True)
class NotebookPlan:
    """Which runs the sweep of a notebook has, and which of them are missing."""

    notebook: SweptNotebook
    sets: Mapping[str, Mapping[str, Any]]
    missing: Mapping[str, bool]  # whether there is something of it already
    store: StateManager
    url: str
    keeps: bool

    @classmethod
    def of(
        cls,
        notebook: SweptNotebook,
        sets: list[dict[str, Any]],
        store: StateManager,
        url: str,
        *,
        keeps: bool,
    ) -> NotebookPlan:
        """Look which runs the store has; with ``keeps`` they keep their variables at the end."""
        given = [{name: _plain(value) for name, value in params.items()} for params in sets]
        named = {member_id(notebook.path.stem, str(notebook.path), params): params for params in given}
        status = {run: head.seen_status() for run, head in heads(store).items() if run in named}
        missing = {
            run: run in status
            for run, params in named.items()
            if status.get(run) != "done" or _has_changed(notebook, params, store, run)
        }
        return cls(notebook, named, missing, store, url, keeps)

    @property
    def name(self) -> str:
        """The notebook's name."""
        return self.notebook.path.stem

    def results(self, pool: Workers) -> Iterator[tuple[NotebookJob, bytes | BaseException | None]]:
        """Have the runs that are missing executed; yield what came of each, as they end."""
        return pool.results(execute_notebook, self.jobs())

    def defaults(self, run: str) -> dict[str, Any]:  # noqa: ARG002 - as sweeps of pipelines have them
        """Return the defaults of the notebook's parameters, as far as they are literals."""
        return defaults(self.notebook.content)

    def output(self, run: str) -> str:
        """Return where the notebook of a run is written."""
        return str(self.notebook.output(self.sets[run]))

    def jobs(self) -> list[NotebookJob]:
        """Return what workers are told of the runs that are missing."""
        self.notebook.folder.mkdir(parents=True, exist_ok=True)
        key, shared = KeyPass.of_user(), is_shared(self.url)
        return [
            NotebookJob(
                run=run,
                source=str(self.notebook.path),
                output=self.output(run),
                folder=str(Path.cwd()),
                params=dict(self.sets[run]),
                url=self.url if shared else None,
                earlier=exported(self.store, run) if begun and not shared else None,
                keeps=self.keeps,
                key=key,
            )
            for run, begun in self.missing.items()
        ]


def _has_changed(notebook: SweptNotebook, params: Mapping[str, Any], store: StateManager, run: str) -> bool:
    """Return whether cells are not those of the run, or its output is gone."""
    records = api.load(store, run).history
    executed = [record.source for record in records if record.step is not None]
    return executed != notebook.sources(params) or not notebook.output(params).exists()


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _is_plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_plain(held) for key, held in value.items())
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return isinstance(_plain(value), _PLAIN)
