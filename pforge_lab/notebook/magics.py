"""``%pforge`` and ``%%pforge``: the command line of pforge-lab, inside a cell."""

from __future__ import annotations

import inspect
import shlex
from functools import partial
from typing import TYPE_CHECKING, Any

import click
from IPython.core.magic import (
    Magics,
    line_cell_magic,
    magics_class,
    needs_local_scope,
    no_var_expand,
    output_can_be_silenced,
)

from pforge_lab.cli.main import grammar, invoke
from pforge_lab.cli.progress import Progress
from pforge_lab.cli.session import Session
from pforge_lab.cli.words import told, usage
from pforge_lab.errors import PforgeError, UsageError, near_misses
from pforge_lab.notebook import completion, config
from pforge_lab.notebook.cells import pipeline_cell, tool_cell
from pforge_lab.notebook.live import record, stop_recording
from pforge_lab.notebook.progress import CellDisplay
from pforge_lab.runs.run import Run

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

RAW = ("set",)  # commands that take the rest of the line as it stands


class CommandError(PforgeError):
    """A command failed: shown as one line, in the notebook and in the output of papermill.

    The error itself is ``__cause__``.
    """

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


class CommandInterrupted(KeyboardInterrupt):
    """A command was interrupted: shown as one line that says how to go on."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


@magics_class
class PforgeMagics(Magics):
    """Holds what commands remember from cell to cell."""

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell=shell)
        self.session = Session(namespace=shell.user_ns, progress=Progress(CellDisplay()))
        self.session.record = partial(record, shell, self.session)

    @no_var_expand
    @needs_local_scope
    @output_can_be_silenced
    @line_cell_magic
    def pforge(self, line: str, cell: str | None = None, local_ns: dict[str, Any] | None = None) -> Any:  # noqa: ARG002
        """Step a pipeline forward and back, look at its variables, see what each step cost.

        A command returns its object: ``run = %pforge start``; a semicolon at the end silences it.
        ``$name`` stands for a variable of the notebook, such as a file or a run.
        ``%pforge COMMAND --help`` explains one in full. ``%%pforge pipeline NAME`` takes YAML in a
        cell, ``%%pforge tool`` functions, which become tools.
        """
        try:
            if cell is not None:
                return self._cell(line, cell)
            return invoke(list(map(self._expanded, words(line))), self.session, "%pforge")
        except click.ClickException as error:
            raise CommandError(f"%pforge: {usage(error, '%pforge')}") from error
        except (click.Abort, KeyboardInterrupt) as error:
            raise CommandInterrupted(self._interrupted()) from error
        except PforgeError as error:
            raise CommandError(f"{type(error).__name__}: {told(error, '%pforge')}") from error

    def _expanded(self, word: str) -> str:
        """Return a word, or for ``$name`` what that variable of the notebook is as a word: of a run, its id."""
        name = word[1:]
        if not (word.startswith("$") and name.isidentifier()):
            return word
        namespace = self.session.namespace or {}
        if name not in namespace:
            raise UsageError(f"the notebook has no variable {name!r}{near_misses(name, namespace)}")
        value = namespace[name]
        return value.id if isinstance(value, Run) else str(value)

    def _interrupted(self) -> str:
        run = self.session.run
        if run is None or run.status != "interrupted":
            return "%pforge: interrupted"
        return f"%pforge: run {run.id} was interrupted at position {run.position}; go on with: %pforge resume"

    def _cell(self, line: str, cell: str) -> Any:
        kind, *rest = words(line) or [""]
        if kind == "pipeline" and len(rest) == 1:
            return pipeline_cell(self.session, rest[0], cell)
        if kind == "tool" and not rest:
            return tool_cell(self.session, self.shell, cell)
        raise UsageError(
            "a cell begins with '%%pforge pipeline NAME' (YAML follows) or '%%pforge tool' (functions follow)"
        )


PforgeMagics.pforge.__doc__ = f"{inspect.getdoc(PforgeMagics.pforge)}\n\n{grammar()}"  # what %pforge? shows


def words(line: str) -> list[str]:
    """Split a line as a shell does; a trailing semicolon only silences the cell.

    Examples
    --------
    >>> words("start -p 'source=my file.csv';")
    ['start', '-p', 'source=my file.csv']
    >>> words("set limit=df.shape[0] * 2")
    ['set', 'limit=df.shape[0] * 2']
    """
    line = line.strip().removesuffix(";").strip()
    command, _, rest = line.partition(" ")
    if command in RAW and rest.strip() and not rest.strip().startswith("-"):
        return [command, rest.strip()]
    try:
        return shlex.split(line)
    except ValueError as error:
        raise UsageError(f"cannot read the line: {error}; quote values with spaces") from error


def load(shell: InteractiveShell) -> None:
    """Register the magics, their completion and their defaults, once."""
    if not isinstance(shell.magics_manager.registry.get("PforgeMagics"), PforgeMagics):
        magics = PforgeMagics(shell)
        shell.register_magics(magics)
        completion.register(shell, magics.session)
        config.register(shell, magics.session)


def unload(shell: InteractiveShell) -> None:
    """Take the magics, their completion and their defaults away; what is being recorded ends with them."""
    stop_recording()
    completion.unregister(shell)
    config.unregister(shell)
    shell.magics_manager.registry.pop("PforgeMagics", None)
    for kind in ("line", "cell"):
        shell.magics_manager.magics[kind].pop("pforge", None)
