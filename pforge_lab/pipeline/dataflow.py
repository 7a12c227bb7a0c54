"""Who reads and writes what: for every step and its parts, found from templates, conditions, loops and transitions."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from . import suspicions
from .liveness import live_after, reads, writes
from .nesting import Nested
from .reaching import Known, Reaching
from .steps import Parallel, Step

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from .spec import Pipeline

_DEEPEST: Final = 100


@dataclass(frozen=True, slots=True)
class StepFlow:
    """The data flow of one step, or of a part of one.

    Attributes
    ----------
    step
        Place in the pipeline, from 1; 0 for the params. Parts have that of their step.
    label
        The step's label; for a part ``step/part``, for the call with each element of a loop ``step[i]``,
        for the params of a nested pipeline ``step/params``.
    reads
        Names with the labels of the steps that may have written them; ``params`` for params.
    writes
        Names that it may write.
    last_reader_of
        Names that no later step reads.
    warnings
        What looks wrong.
    depth
        How many steps it is inside of.
    pipeline
        The pipeline whose variables these are.
    """

    step: int
    label: str
    tool: str
    reads: dict[str, tuple[str, ...]] = field(default_factory=dict)
    writes: tuple[str, ...] = ()
    last_reader_of: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    depth: int = 0
    pipeline: str = ""


def flows(pipeline: Pipeline) -> tuple[StepFlow, ...]:
    """Return the data flow of the params, of all steps, and after each step that of its parts.

    A nested pipeline that several steps call has its rows below the first of them; those that are
    nested deeper than any stack reaches have none.
    """
    return tuple(_Walk(pipeline).rows(pipeline))


class _Walk:
    """Goes through a pipeline and those nested in it."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._nested = Nested(pipeline)
        self._shown: set[str] = set()

    def rows(
        self,
        pipeline: Pipeline,
        inside: tuple[str, ...] = (),
        step: int = 0,
        elsewhere: frozenset[str] = frozenset(),
    ) -> Iterator[StepFlow]:
        """Yield the rows of one pipeline, of what is inside of steps where it is nested."""
        flow = Reaching.of(pipeline, nested=bool(inside))
        live = live_after(pipeline)
        read = frozenset().union(*map(reads, pipeline.steps))
        unread = frozenset().union(*map(writes, pipeline.steps)) - read - {*pipeline.keep} - elsewhere
        names = tuple(pipeline.params) if pipeline.declares_params else _given(flow)
        told = tuple(f"param {name!r} is never read" for name in names if name not in read)
        yield StepFlow(step, _path(inside, "params"), "", {}, names, (), told, len(inside), pipeline.name)
        for i, this in enumerate(pipeline.steps):
            row = StepFlow(
                step or i + 1,
                _path(inside, pipeline.labels[i]),
                this.tool_name,
                _sources(reads(this), flow.known[i], inside),
                tuple(sorted(writes(this))),
                tuple(sorted(reads(this) - live[i] - writes(this))),
                tuple(suspicions.of_step(flow, i, unread)),
                len(inside),
                pipeline.name,
            )
            yield row
            yield from self._parts(flow, i, inside, row, unread)

    def _parts(
        self, flow: Reaching, i: int, inside: tuple[str, ...], row: StepFlow, unread: frozenset[str]
    ) -> Iterator[StepFlow]:
        """Yield the rows of the parts of a step."""
        step, here = flow.pipeline.steps[i], (*inside, flow.pipeline.labels[i])
        if isinstance(step, Parallel):
            for label, part in zip(step.labels, step.parallel, strict=True):
                yield replace(
                    row,
                    label=_path(here, label),
                    tool=part.tool_name,
                    reads=_sources(reads(part), flow.known[i], inside),
                    writes=tuple(sorted(writes(part))),
                    last_reader_of=(),
                    warnings=tuple(suspicions.of_part(flow, i, part, unread)),
                    depth=len(here),
                )
                yield from self._below(part, (*here, label), row.step)
        elif step.foreach is not None:
            names = step.compiled_input.reads
            sources = _sources(names, flow.known[i], inside)
            yield replace(
                row,
                label=f"{row.label}[i]",
                reads=sources | ({step.as_: (row.label,)} if step.as_ in names else {}),
                writes=(),
                last_reader_of=(),
                warnings=tuple(suspicions.of_element(flow, i, step)),
                depth=len(here),
            )
            yield from self._below(step, (*inside, f"{here[-1]}[i]"), row.step)
        else:
            yield from self._below(step, here, row.step)

    def _below(self, step: Step, here: tuple[str, ...], place: int) -> Iterator[StepFlow]:
        """Yield the rows of the pipeline that a step calls, where it calls one."""
        inner = self._nested.called(step)
        if inner is not None and step.tool_name not in self._shown and len(here) <= _DEEPEST:
            self._shown.add(step.tool_name)
            yield from self.rows(inner, here, place, self._nested.read_outside(step.tool_name))


def _path(inside: tuple[str, ...], label: str) -> str:
    return "/".join((*inside, label))


def _sources(names: frozenset[str], known: Known, inside: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    return {name: tuple(_path(inside, by) for by in known.get(name, ())) for name in sorted(names)}


def _given(flow: Reaching) -> tuple[str, ...]:
    """Return the names that callers may give where no params are declared."""
    steps = enumerate(flow.pipeline.steps)
    return tuple(sorted({name for i, step in steps for name in reads(step) if name not in flow.known[i]}))


def dataflow(pipeline: Pipeline) -> pd.DataFrame:
    """Return the data flow as a table: one row for the params, one for each step, and those of its parts.

    Returns
    -------
    DataFrame
        ``step label tool reads writes last_reader_of warnings``; ``reads`` says for each name
        which steps may have written it. The parts of a step have its place and ``step/part`` as label.
    """
    import pandas as pd  # noqa: PLC0415 -- loaded for tables

    rows = [
        {
            "step": row.step,
            "label": row.label,
            "tool": row.tool,
            "reads": ", ".join(f"{name} <- {' | '.join(by) or '?'}" for name, by in row.reads.items()),
            "writes": ", ".join(row.writes),
            "last_reader_of": ", ".join(row.last_reader_of),
            "warnings": "; ".join(row.warnings),
        }
        for row in flows(pipeline)
    ]
    return pd.DataFrame(
        rows, columns=["step", "label", "tool", "reads", "writes", "last_reader_of", "warnings"]
    )
