"""What a fresh kernel that goes on needs beside variables: what completed cells had set up in theirs."""

from __future__ import annotations
import __future__

import ast
import importlib
import types
from typing import TYPE_CHECKING, Any

from pforge_lab.errors import RunError, one_line
from pforge_lab.runs.cell_source import line_magics, parsed

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Magics that set how the kernel behaves, and compute nothing.
_SETTINGS = frozenset(
    (
        "load_ext",
        "reload_ext",
        "unload_ext",
        "matplotlib",
        "config",
        "autoreload",
        "alias",
        "precision",
        "xmode",
    )
)


def set_up(shell: Any, sources: Sequence[str]) -> None:
    """Give a shell the compiler flags, the modules within packages and the settings that cells had.

    Variables are there already. No other code of the cells is executed.

    Parameters
    ----------
    shell
        IPython's, with the variables after these cells.
    sources
        The completed cells.

    Raises
    ------
    RunError
        Something cannot be set up any more, such as a package that is gone.
    """
    for number, source in enumerate(sources, 1):
        try:
            for statement in parsed(source):
                _take_up(shell, statement)
            for name, rest in line_magics(source):
                if name in _SETTINGS:
                    shell.run_line_magic(name, rest)
        except Exception as error:
            raise RunError(
                f"what cell {number} had set up cannot be set up again: {type(error).__name__}: {one_line(error)}"
            ) from error


def _take_up(shell: Any, statement: ast.stmt) -> None:
    """Repeat of a statement what it did beside giving names a value."""
    if isinstance(statement, ast.ImportFrom) and statement.module == "__future__":
        for alias in statement.names:
            shell.compile.flags |= getattr(__future__, alias.name).compiler_flag
    if isinstance(statement, ast.Import):
        for name in (alias.name for alias in statement.names):
            package = name.partition(".")[0]
            if package != name and isinstance(shell.user_ns.get(package), types.ModuleType):
                importlib.import_module(name)
