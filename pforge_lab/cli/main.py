"""The grammar, and the door in a shell."""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem, ShellComplete, shell_complete

from pforge_lab.cli import (
    completing,
    keeping,
    looking,
    moving,
    notebook,
    recording,
    settings,
    store,
    sweeping,
)
from pforge_lab.cli.group import Grammar
from pforge_lab.cli.progress import of_terminal
from pforge_lab.cli.remarks import remarks
from pforge_lab.cli.session import Session, opened, pass_session
from pforge_lab.cli.shown import print_record, print_result
from pforge_lab.cli.store import NAMED
from pforge_lab.cli.words import told, usage
from pforge_lab.errors import (
    ParamError,
    PforgeError,
    RunBusy,
    RunNotFound,
    SpecError,
    StateError,
    StateLocked,
    StepError,
    UsageError,
)
from pforge_lab.runs.api import open_run
from pforge_lab.runs.undeclared import UndeclaredChange
from pforge_lab.state import open_state
from pforge_lab.state.existing import check_exists
from pforge_lab.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pforge_lab.pipeline.loader import Forge
    from pforge_lab.pipeline.spec import Pipeline
    from pforge_lab.state import StateManager

EXIT_CODES: tuple[tuple[type[PforgeError], int], ...] = (
    (StepError, 1),
    (SpecError, 3),
    (ParamError, 3),
    (RunNotFound, 4),
    (RunBusy, 5),
    (StateError, 5),
    (PforgeError, 2),
)

READING = frozenset(
    (
        *("status", "vars", "show", "diff", "compare", "memory", "advise", "runs"),
        *("dataflow", "export", "attach", "state"),
    )
)

COMPLETION = "_PFORGE_LAB_COMPLETE"  # what click's scripts for shells set

EPILOG = """
Exit codes: 0 done; 1 a step failed; 2 wrong use; 3 a pipeline file or parameter is wrong;
4 no such run; 5 the store or run is in use or damaged; 130 interrupted.
"""


@click.group(cls=Grammar, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--state",
    metavar="URL",
    envvar="PFORGE_STATE",
    shell_complete=completing.stores,
    help="Store to use; .pforge/*.fs by default.",
)
@click.option(
    "--run",
    "run_id",
    metavar="ID",
    shell_complete=completing.runs,
    help="Run to act on; the newest by default.",
)
@click.version_option(__version__, prog_name="pforge-lab")
@click.pass_context
def cli(context: click.Context, state: str | None, run_id: str | None) -> None:
    """Take a multi-step tool pipeline apart: step, rewind, resume, and see what each step cost."""
    session = context.ensure_object(Session)
    if state is not None:
        command = context.invoked_subcommand
        if command == "state" and run_id is None:
            context.meta[NAMED] = state  # whether it has to be there depends on the command that follows
        elif command in READING or run_id is not None:
            check_exists(state)
        if NAMED not in context.meta:
            session.state = opened(state, looks=command in READING)
    if run_id is not None:
        session.run = open_run(run_id, state=session.state)


@cli.command(name="open")
@click.argument("url", shell_complete=completing.stores)
@pass_session
def open_store(session: Session, url: str) -> StateManager:
    """In a notebook, use the store at URL for runs from now on; for looking only while another process writes to it."""
    if session.namespace is None:
        raise UsageError(
            f"in a shell name the store before each command: pforge-lab --state {url} runs, or once with PFORGE_STATE"
        )
    try:
        session.state = open_state(url)
    except StateLocked as error:
        session.state = open_state(url, mode="r")
        click.echo(
            f"{str(error).partition(';')[0]}; it is open for looking only: go on with its runs when that has ended, "
            "after opening it again",
            err=True,
        )
    session.run = None
    return session.state


@cli.command()
@click.argument("file", type=moving.FILE, shell_complete=completing.files(*completing.PIPELINES))
@pass_session
def load(session: Session, file: Path) -> Pipeline | Forge:
    """Load a FILE: one pipeline, or a forge with many; tell what of it is not used here, and what looks wrong."""
    loaded = session.load(file)
    for line in remarks(loaded):
        click.echo(line, err=True)
    return loaded


@cli.command(name="help")
@click.argument("command", nargs=-1, shell_complete=completing.commands)
@click.pass_context
def help_command(context: click.Context, command: tuple[str, ...]) -> None:
    """Show all commands, or one COMMAND in full, such as: state get."""
    parent = context.parent
    assert parent is not None  # noqa: S101 - this command stands below the group
    below: click.Context = parent
    found: click.Command = cli
    for word in command:
        if not isinstance(found, click.Group):
            raise click.UsageError(f"{found.name} has no commands of its own", below)
        name, inner, _ = found.resolve_command(below, [word])
        assert inner is not None  # noqa: S101 - resolve_command raises otherwise
        below, found = click.Context(inner, info_name=name, parent=below), inner
    click.echo(found.get_help(below))


@cli.command()
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where to put the notebooks: ./pforge-demo.",
)
@click.option("--reset", is_flag=True, help="Restore notebooks that were edited.")
@click.option(
    "--month",
    type=click.IntRange(0, 12),
    default=0,
    show_default=True,
    help="Month of flights to look at; 0 is the whole year.",
)
def demo(folder: Path | None, *, reset: bool, month: int) -> None:
    """Copy the notebooks, run the main one on real data, and say where everything is."""
    from pforge_lab.demo import demo as show_demo  # noqa: PLC0415 - imports papermill

    show_demo(folder, reset=reset, month=month, echo=click.echo)


for command in (
    *(moving.start, moving.step, moving.back, moving.goto, moving.finish, moving.run_file),
    *(moving.attach, moving.resume, moving.fork, moving.set_variable),
    *(
        looking.status,
        looking.variables,
        looking.show,
        looking.pull,
        looking.diff,
        looking.compare,
        looking.dataflow,
        looking.memory,
        looking.advise,
        looking.runs,
        looking.ui,
    ),
    *(keeping.delete, keeping.export, keeping.import_file, keeping.trust),
    store.state,
    notebook.notebook,
    recording.record,
    settings.config,
    sweeping.sweep,
):
    cli.add_command(command)


def invoke(arguments: list[str], session: Session, prog_name: str) -> Any:
    """Execute one command line and return its object; errors are raised, not printed."""
    try:
        with cli.make_context(prog_name, list(arguments), obj=session) as context:
            return cli.invoke(context)
    except click.exceptions.NoArgsIsHelpError as asked:
        click.echo(asked.format_message())
    except click.exceptions.Exit:  # --help and --version have printed what was asked for
        pass
    return None


def grammar() -> str:
    """Return every command with what it takes and what it does, a line each.

    Examples
    --------
    >>> print(grammar().splitlines()[0].split(maxsplit=3)[:3])
    ['advise', '--', 'Show']
    """
    with click.Context(cli) as context:
        return "\n".join(_lines(cli, context, ""))


def _lines(group: click.Group, context: click.Context, before: str) -> Iterator[str]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from _lines(command, context, f"{before}{name} ")
        elif command is not None:
            yield f"{' '.join([before + name, *_pieces(command)])} -- {command.get_short_help_str(200)}"


def _pieces(command: click.Command) -> Iterator[str]:
    for param in command.params:
        if isinstance(param, click.Option):
            value = "" if param.is_flag else f" {param.metavar or (param.name or '').upper()}"
            yield f"[{param.opts[0]}{value}]" + ("..." if param.multiple else "")
        else:
            yield param.make_metavar(click.Context(command))


def complete(arguments: list[str], incomplete: str, session: Session) -> list[CompletionItem[str]]:
    """Return what may stand after these words of a command line, and begin so.

    Where only options can follow, they are offered without their first hyphen, too.
    """
    shell = ShellComplete(cli, {"obj": session}, "pforge-lab", "")
    try:
        found = shell.get_completions(arguments, incomplete)
        return found if found or incomplete else shell.get_completions(arguments, "-")
    except click.ClickException:  # words that are no command line: nothing follows them
        return []


def main() -> None:
    """Execute the command line of a shell and exit with a documented code."""
    if instruction := os.environ.get(COMPLETION):
        sys.exit(shell_complete(cli, {"obj": Session()}, "pforge-lab", COMPLETION, instruction))
    session = Session(on_record=print_record, progress=of_terminal())
    warnings.simplefilter("ignore", UndeclaredChange)  # the lines of the records say it
    try:
        print_result(invoke(sys.argv[1:], session, "pforge-lab"))
    except click.ClickException as error:
        click.echo(f"pforge-lab: {usage(error, 'pforge-lab')}", err=True)
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo(_interrupted(session), err=True)
        sys.exit(130)
    except PforgeError as error:
        click.echo(f"pforge-lab: {told(error, 'pforge-lab')}", err=True)
        sys.exit(next(code for kind, code in EXIT_CODES if isinstance(error, kind)))
    except BrokenPipeError:  # the reader of a pipe has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)


def _interrupted(session: Session) -> str:
    run = session.run
    where = "" if run is None else f" at position {run.position}; go on with: pforge-lab resume {run.id}"
    return f"pforge-lab: interrupted{where}"
