"""What a finished run gives back: a result per step and the final variables."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pforge_lab.quick import quickly_made

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@quickly_made
@dataclass(frozen=True, slots=True)
class StepResult:
    """What one step gave.

    Attributes
    ----------
    tool
        Name of the tool.
    success
        False for a failed step that the pipeline went on after.
    error
        ``Type: message``, or None.
    """

    tool: str
    success: bool
    error: str | None
    _load: Callable[[], Any] = field(repr=False, compare=False)

    @property
    def output(self) -> Any:
        """The tool's output, loaded from the step's snapshot at each access: a result pins no memory.

        Raises
        ------
        NotKept
            The output could not be serialised.
        """
        return self._load() if self.success else None


@dataclass(frozen=True, slots=True)
class PipelineOutput:
    """Results of all steps that ran, in order, and the final scope.

    Attributes
    ----------
    results
        One `StepResult` per step that was called: skipped steps have none.
    variables
        The variables at the end.
    """

    results: tuple[StepResult, ...]
    variables: Mapping[str, Any]

    def __repr__(self) -> str:
        good = sum(result.success for result in self.results)
        return f"<PipelineOutput: {good} of {len(self.results)} steps succeeded; variables {', '.join(self.variables)}>"
