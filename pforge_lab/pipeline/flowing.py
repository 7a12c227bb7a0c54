"""What the steps of a pipeline read and write."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    import pandas as pd

    from .graph import Graph
    from .spec import Pipeline
    from .steps import AnyStep


class Flowing:
    """The flow of data and of control. A base of `Pipeline`."""

    name: str
    steps: tuple[AnyStep, ...]
    max_steps: int

    @property
    def most_steps(self) -> int:
        """Steps that one execution takes at most: ``max_steps``; as many as there are, where no loop needs more.

        Examples
        --------
        >>> from pforge_lab.pipeline.spec import Pipeline
        >>> def double(x: int): return 2 * x
        >>> pipeline = Pipeline.from_functions("demo", double)
        >>> pipeline.most_steps >= 1
        True
        """
        return max(self.max_steps, len(self.steps))

    def reads(self, index: int) -> frozenset[str]:
        """Return the names of the variables that the step at ``index`` reads, in input, condition and transitions.

        Examples
        --------
        >>> from pforge_lab.pipeline.spec import Pipeline
        >>> def double(x: int): return 2 * x
        >>> pipeline = Pipeline.from_functions("demo", double)
        >>> sorted(pipeline.reads(0))
        ['x']
        """
        return self._flows[index][0]

    def writes(self, index: int) -> frozenset[str]:
        """Return the names of the variables that the step at ``index`` may write.

        Examples
        --------
        >>> from pforge_lab.pipeline.spec import Pipeline
        >>> def double(x: int): return 2 * x
        >>> pipeline = Pipeline.from_functions("demo", double)
        >>> sorted(pipeline.writes(0))
        ['double']
        """
        return self._flows[index][1]

    @cached_property
    def _flows(self) -> tuple[tuple[frozenset[str], frozenset[str]], ...]:
        """What each step reads, and what it may write."""
        from .liveness import reads, writes  # noqa: PLC0415 - liveness is one of pipelines

        return tuple((reads(step), writes(step)) for step in self.steps)

    def dataflow(self) -> pd.DataFrame:
        """Return which step reads and writes what, one row a step, with warnings.

        The columns are ``step label tool reads writes last_reader_of warnings``; the first row is for the
        params, as step 0.

        Examples
        --------
        >>> from pforge_lab.pipeline.spec import Pipeline
        >>> def double(x: int): return 2 * x
        >>> pipeline = Pipeline.from_functions("demo", double)
        >>> list(pipeline.dataflow()["label"])
        ['params', 'double']
        """
        from .dataflow import dataflow  # noqa: PLC0415 - dataflow is made of pipelines

        return dataflow(cast("Pipeline", self))

    def graph(self) -> Graph:
        """Return the data flow as a drawing, which a notebook shows.

        Examples
        --------
        >>> from pforge_lab.pipeline.spec import Pipeline
        >>> def load(source): ...
        >>> def clean(load): ...
        >>> [edge.name for edge in Pipeline.from_functions("daily", load, clean).graph().edges]
        ['source', 'load']
        """
        from .dataflow import flows  # noqa: PLC0415 - dataflow is made of pipelines
        from .graph import Graph  # noqa: PLC0415 - as above

        return Graph.of(self.name, flows(cast("Pipeline", self)))
