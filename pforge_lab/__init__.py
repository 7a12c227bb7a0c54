"""Take a multi-step tool pipeline apart in a notebook: step, rewind, fork, diff, resume.

>>> import pforge_lab as pf
>>> def words(text: str): return text.split()
>>> def count(words): return len(words)
>>> pipeline = pf.Pipeline.from_functions("demo", words, count)
>>> run = pipeline.start({"text": "to be or not to be"}, state="memory:")
>>> run.step(), run.step()  # doctest: +SKIP
>>> run.finish().variables["count"]
6
>>> run.back()
>>> sorted(run.variables)
['text', 'words']
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pforge_lab.errors import (
    NotKept,
    OutcomeUnknown,
    ParamError,
    PforgeError,
    PositionError,
    RunBusy,
    RunError,
    RunNotFound,
    SpecError,
    StateClosed,
    StateConflict,
    StateCorrupt,
    StateError,
    StateFull,
    StateLocked,
    StateReadOnly,
    StepError,
    StepTimeout,
    TemplateError,
    ToolError,
    UntrustedData,
    UsageError,
    VariableNotFound,
)
from pforge_lab.pipeline.loader import load_forge, load_pipeline
from pforge_lab.pipeline.spec import Pipeline
from pforge_lab.pipeline.steps import Parallel, Step
from pforge_lab.pipeline.tools import tool
from pforge_lab.runs.api import open_run, runs
from pforge_lab.runs.exporting import export_run
from pforge_lab.runs.housekeeping import delete_run
from pforge_lab.runs.importing import import_run
from pforge_lab.runs.run import Run
from pforge_lab.state import (
    CachedStateManager,
    Counter,
    RateLimiter,
    Sessions,
    StateManager,
    cached,
    open_state,
    shelf,
)
from pforge_lab.sweeps.api import sweep
from pforge_lab.version import __version__

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

__all__ = [
    "CachedStateManager",
    "Counter",
    "NotKept",
    "OutcomeUnknown",
    "Parallel",
    "ParamError",
    "PforgeError",
    "Pipeline",
    "PositionError",
    "RateLimiter",
    "Run",
    "RunBusy",
    "RunError",
    "RunNotFound",
    "Sessions",
    "SpecError",
    "StateClosed",
    "StateConflict",
    "StateCorrupt",
    "StateError",
    "StateFull",
    "StateLocked",
    "StateManager",
    "StateReadOnly",
    "Step",
    "StepError",
    "StepTimeout",
    "TemplateError",
    "ToolError",
    "UntrustedData",
    "UsageError",
    "VariableNotFound",
    "__version__",
    "cached",
    "delete_run",
    "export_run",
    "import_run",
    "load_forge",
    "load_ipython_extension",
    "load_pipeline",
    "open_run",
    "open_state",
    "runs",
    "shelf",
    "sweep",
    "tool",
    "unload_ipython_extension",
]


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Give a notebook ``%pforge`` and ``%%pforge``; called by ``%load_ext pforge_lab``.

    Examples
    --------
    >>> from IPython.core.interactiveshell import InteractiveShell
    >>> shell = InteractiveShell()
    >>> load_ipython_extension(shell)
    >>> "pforge" in shell.magics_manager.magics["line"]
    True
    >>> unload_ipython_extension(shell)
    """
    from pforge_lab.notebook.magics import load  # noqa: PLC0415 - imports IPython

    load(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Take everything away again that `load_ipython_extension` gave.

    Examples
    --------
    >>> from IPython.core.interactiveshell import InteractiveShell
    >>> shell = InteractiveShell()
    >>> load_ipython_extension(shell)
    >>> unload_ipython_extension(shell)
    >>> "pforge" in shell.magics_manager.magics["line"]
    False
    """
    from pforge_lab.notebook.magics import unload  # noqa: PLC0415 - imports IPython

    unload(shell)
