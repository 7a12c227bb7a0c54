"""What is checked of a pipeline as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from .definitions import cycle
from .models import describe
from .names import check_variable
from .steps import AnyStep, Parallel, read_steps

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from .kinds.definition import Definition
    from .models import Faults
    from .params import Param
    from .tools import ToolBox


def listed(steps: Any, faults: Faults) -> list[AnyStep | None]:
    """Return the steps of a definition; one that cannot be read keeps its place as None."""
    if isinstance(steps, str | Mapping) or not isinstance(steps, Iterable):
        faults.add(f"must be a list of steps, not {describe(steps)}", "steps")
        return []
    return read_steps(steps, faults, "steps")


def check_params_names(params: Mapping[str, Param], faults: Faults) -> None:
    """Note params whose names templates cannot read."""
    for name in params:
        try:
            check_variable(name)
        except ValueError as error:
            faults.add(str(error), f"params.{name}")


def check_known(
    steps: Sequence[AnyStep | None], box: ToolBox, faults: Faults, declared: Collection[object] = ()
) -> None:
    """Note steps whose tool is not known in this process.

    Parameters
    ----------
    declared
        Names of tools that are declared, although they may have faults of their own.
    """
    for i, step in enumerate(steps):
        if step is None:
            continue
        parts = step.parallel if isinstance(step, Parallel) else (step,)
        for k, part in enumerate(parts):
            if part.tool_name not in declared and not box.knows(part.tool_name):
                at = f"steps.{i}.parallel.{k}.tool" if isinstance(step, Parallel) else f"steps.{i}.tool"
                with faults.collect(at):
                    raise box.unknown(part.tool_name)


def check_recursion(tools: Mapping[str, Definition], steps: Iterable[Any], faults: Faults) -> None:
    """Note pipelines that call each other in a circle."""
    loop = cycle(tools, steps)
    if loop:
        faults.add(f"a pipeline cannot call itself: {' -> '.join(loop)}", "steps")
