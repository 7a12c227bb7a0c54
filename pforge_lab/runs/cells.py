"""The cells of a notebook as the steps of a run."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, NoReturn

from pforge_lab.errors import RunError
from pforge_lab.pipeline.kinds.native import NativeDefinition
from pforge_lab.pipeline.spec import Pipeline
from pforge_lab.runs import api
from pforge_lab.runs.cell import TOOL, Cell, step_of
from pforge_lab.runs.exclusion import Exclusion
from pforge_lab.runs.head import touched
from pforge_lab.runs.housekeeping import delete_run
from pforge_lab.runs.journal import Journal
from pforge_lab.runs.naming import run_id

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from pforge_lab.runs.records import StepRecord
    from pforge_lab.runs.retention import Keep
    from pforge_lab.runs.run import Run
    from pforge_lab.state import StateManager


def execute_cell() -> NoReturn:
    """Refuse to execute a cell outside of its notebook.

    Raises
    ------
    RunError
        Always: a run refuses before, and tells how it goes on.
    """
    raise RunError("the steps of this run are cells of a notebook, which are not executed here")


def pipeline_of(name: str, cells: Sequence[Cell]) -> Pipeline:
    """Return a pipeline with one step a cell, labelled ``cell 1``, and so on.

    Examples
    --------
    >>> pipeline_of("night", [Cell("x = 1"), Cell("x + 1")]).labels
    ('cell 1', 'cell 2')
    """
    handler = {"path": f"{execute_cell.__module__}:{execute_cell.__name__}"}
    tool = NativeDefinition.model_validate({"type": "native", "name": TOOL, "handler": handler})
    return Pipeline.from_dict(
        {
            "name": name,
            "tools": [tool],  # as it is: to read it, every kind of tool would be imported
            "steps": [step_of(place) for place in range(1, len(cells) + 1)],
        }
    )


def start_cells(
    name: str, cells: Sequence[Cell], *, state: StateManager, notebook: Mapping[str, str], keeps: bool = True,
    keep: Keep = "all", exclude: Collection[str] = (), params: Mapping[str, str] | None = None,
    id: str | None = None,  # noqa: A002 - the public name of it
) -> Run:  # fmt: skip
    """Start the run of a notebook, whose cells somebody else executes.

    Parameters
    ----------
    name, cells, state, keep, exclude
        Of the run.
    notebook
        Its input and its output.
    keeps
        Whether variables will be kept, so that it can be resumed.
    params
        As tables show them.
    id
        Of the run, in place of an earlier one of that id; a new one by default.
    """
    if id is None:
        id = run_id(name)  # noqa: A001 - the public name of it
    elif Journal(state, id).exists():
        delete_run(id, state=state)
    about = {"notebook": dict(notebook), "keeps": keeps, "job": id, "cells": True}
    return api.start(
        pipeline_of(name, cells), state=state, keep=keep, exclude=exclude, id=id, about=about, told=params
    )


def notebook_of(run: Run) -> dict[str, str]:
    """Return the input and the output of a notebook's run; empty for the run of a pipeline."""
    return dict(run.timeline.journal.definition().get("notebook", {}))


def keeps_variables(run: Run) -> bool:
    """Return whether a run keeps variables, so that it can go on in another process."""
    return bool(run.timeline.journal.definition().get("keeps", True))


def adopt_cells(run: Run, name: str, cells: Sequence[Cell], exclude: Collection[str] = ()) -> None:
    """Make the steps of a run those of a notebook that has changed, in one transaction.

    Parameters
    ----------
    run, name, cells
        The run, and the notebook as it is now.
    exclude
        Patterns of variables that are not kept from here on, beside those of the run.
    """
    pipeline, journal = pipeline_of(name, cells), run.timeline.journal
    definition = journal.definition() | {"pipeline": pipeline.to_dict(), "cells": True}
    patterns = tuple(dict.fromkeys([*run.head.exclude, *Exclusion.of(exclude).patterns]))
    head = touched(run.timeline.head, steps_total=len(cells), exclude=patterns)
    journal.redefine(head, definition)
    run.timeline.head = head
    run.adopt(pipeline)


def grow_cells(run: Run, count: int) -> None:
    """Give a notebook's run more steps; the next record that is kept tells its store, which writes nothing else.

    Examples
    --------
    >>> run = start_cells("lab", [Cell("")], state=api.store_of("memory:"), notebook={})
    >>> grow_cells(run, 3)
    >>> run.pipeline.labels
    ('cell 1', 'cell 2', 'cell 3')
    """
    first = len(run.pipeline.steps) + 1
    more = [step_of(place)["label"] for place in range(first, count + 1)]
    given = {
        name: value
        for name, value in vars(run.pipeline).items()
        if not isinstance(getattr(Pipeline, name, None), cached_property)  # computed from all steps
    }
    grown = Pipeline.__new__(Pipeline)  # not read anew: that would take longer with every cell
    vars(grown).update(given, _plan=None)
    grown.steps += tuple(run.pipeline.steps[0].model_copy(update={"label": label}) for label in more)
    grown.labels += tuple(more)
    run.timeline.head = touched(run.timeline.head, steps_total=count)
    run.adopt(grown)


def unfinished(state: StateManager, facts: Mapping[str, str]) -> Run | None:
    """Return the latest run of a notebook's input and output when it is not done, else None; forks do not count."""
    for summary in api.summaries(state):
        run = api.open_run(summary.id, state=state)
        if notebook_of(run) == facts and run.timeline.journal.definition().get("job") == run.id:
            return None if run.status == "done" else run
    return None


def with_child_peak(record: StepRecord, peak: int) -> StepRecord:
    """Return a record whose reading knows what child processes held."""
    if record.memory is None:
        return record
    return replace(record, memory=record.memory._replace(child_peak=peak))
