"""Every error this package raises, drawn as a tree.

::

    PforgeError
    ├── SpecError            a pipeline file or definition is wrong (all faults at once)
    ├── ParamError           a parameter is missing, unknown or of the wrong type (all at once)
    ├── TemplateError        a template or condition cannot be evaluated
    ├── ToolError            a command or a request failed
    ├── StepError            a tool raised; chained to the original
    │   └── StepTimeout      a tool took longer than it may
    ├── RunError             a run cannot do what was asked
    │   ├── RunNotFound      no run of that id in the places looked at       (LookupError)
    │   ├── PositionError    no such position or label on the current line   (LookupError)
    │   ├── VariableNotFound no such variable at that position               (LookupError)
    │   ├── RunBusy          another process is advancing this run
    │   └── NotKept          the value could not be serialised when the snapshot was taken
    ├── StateError           a store cannot do what was asked
    │   ├── StateLocked      another process has the store open for writing
    │   ├── StateCorrupt     the store is damaged, or is not one of ours
    │   ├── StateClosed      used after close()
    │   ├── StateReadOnly    written to although opened with mode="r"
    │   ├── StateConflict    the guard of a batch no longer matches
    │   ├── StateFull        disk, quota or size limit reached
    │   └── OutcomeUnknown   the server was lost at the end of a commit
    ├── UntrustedData        data beyond the safe list without a valid signature
    └── UsageError           a command or a call was used wrongly
        ├── WrongType        an argument is of the wrong type                (TypeError)
        └── WrongValue       an argument is of the right type, out of range  (ValueError)

Facts are attributes, so that code never has to parse a message; a message is one line
that ends with the next move.
"""

from __future__ import annotations

from pforge_lab.errors.base import PforgeError, near_misses, one_line
from pforge_lab.errors.definition import Fault, ParamError, SpecError, TemplateError, ToolError
from pforge_lab.errors.run import (
    NotKept,
    PositionError,
    RunBusy,
    RunError,
    RunNotFound,
    StepError,
    StepTimeout,
    VariableNotFound,
)
from pforge_lab.errors.state import (
    OutcomeUnknown,
    StateClosed,
    StateConflict,
    StateCorrupt,
    StateError,
    StateFull,
    StateLocked,
    StateReadOnly,
)
from pforge_lab.errors.usage import UntrustedData, UsageError, WrongType, WrongValue

__all__ = [
    "Fault",
    "NotKept",
    "OutcomeUnknown",
    "ParamError",
    "PforgeError",
    "PositionError",
    "RunBusy",
    "RunError",
    "RunNotFound",
    "SpecError",
    "StateClosed",
    "StateConflict",
    "StateCorrupt",
    "StateError",
    "StateFull",
    "StateLocked",
    "StateReadOnly",
    "StepError",
    "StepTimeout",
    "TemplateError",
    "ToolError",
    "UntrustedData",
    "UsageError",
    "VariableNotFound",
    "WrongType",
    "WrongValue",
    "near_misses",
    "one_line",
]

for _name in __all__:  # tracebacks and pickles name the errors as they are imported
    globals()[_name].__module__ = __name__
