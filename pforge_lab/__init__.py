"""Take a multi-step tool pipeline apart in a notebook: step, rewind, fork, diff, resume.

>>> import pforge_lab as pf
>>> def words(text: str): return text.split()
>>> def count(words): return len(words)
>>> pipeline = pf.Pipeline.from_functions("demo", words, count)
>>> run = pipeline.start({"text": "to be or not to be"}, state="memory:")
>>> record = run.step()
>>> record.label, run["words"]
('words', ['to', 'be', 'or', 'not', 'to', 'be'])
>>> run.finish().variables["count"]
6
>>> run.back()
>>> sorted(run.variables)
['text', 'words']
"""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

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
from pforge_lab.version import __version__

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from pforge_lab.custom_types import register_type
    from pforge_lab.pipeline.loader import load_forge, load_pipeline
    from pforge_lab.pipeline.spec import Pipeline
    from pforge_lab.pipeline.steps import Parallel, Step
    from pforge_lab.pipeline.tools import tool
    from pforge_lab.runs.api import open_run, runs
    from pforge_lab.runs.exporting import export_run
    from pforge_lab.runs.housekeeping import delete_run
    from pforge_lab.runs.importing import import_run
    from pforge_lab.runs.run import Run
    from pforge_lab.runs.undeclared import UndeclaredChange
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

# Where the names are that are imported when they are first asked for: papermill and shells, which
# complete words, import this package to use little of it.
_PLACES = {
    "register_type": "custom_types",
    "load_forge": "pipeline.loader",
    "load_pipeline": "pipeline.loader",
    "Pipeline": "pipeline.spec",
    "Parallel": "pipeline.steps",
    "Step": "pipeline.steps",
    "tool": "pipeline.tools",
    "open_run": "runs.api",
    "runs": "runs.api",
    "export_run": "runs.exporting",
    "delete_run": "runs.housekeeping",
    "import_run": "runs.importing",
    "Run": "runs.run",
    "UndeclaredChange": "runs.undeclared",
    "CachedStateManager": "state",
    "Counter": "state",
    "RateLimiter": "state",
    "Sessions": "state",
    "StateManager": "state",
    "cached": "state",
    "open_state": "state",
    "sweep": "sweeps.api",
}

importlib.import_module("pforge_lab.runs")  # now: later it would take the place of the function of that name
globals().pop("runs", None)  # none when this module is loaded again

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
    "UndeclaredChange",
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
    "register_type",
    "runs",
    "shelf",
    "sweep",
    "tool",
    "unload_ipython_extension",
]


def __getattr__(name: str) -> Any:
    """Import a public name, or a module of the package, when it is first asked for."""
    if name in _PLACES:
        value = getattr(importlib.import_module(f"{__name__}.{_PLACES[name]}"), name)
    elif name == "shelf":
        value = importlib.import_module(f"{__name__}.state.shelf")
    elif not name.startswith("_") and find_spec(f"{__name__}.{name}") is not None:
        value = importlib.import_module(f"{__name__}.{name}")
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


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
