"""Options and arguments that several commands take, and what they mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

from pforge_lab.cli import completing
from pforge_lab.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pforge_lab.cli.session import Session
    from pforge_lab.pipeline.spec import Pipeline

F = TypeVar("F", bound="Callable[..., object]")

params_option = click.option(
    "-p",
    "--param",
    "params",
    multiple=True,
    metavar="NAME=VALUE",
    shell_complete=completing.params,
    help="A parameter of the pipeline; text is read by the parameter's type. In a notebook $NAME is a variable of it.",
)

values_option = click.option(
    "-p",
    "--param",
    "params",
    multiple=True,
    metavar="NAME=EXPR",
    shell_complete=completing.assigned,
    help="Another value of a variable: in a notebook an expression, in a shell a JSON literal.",
)

memory_option = click.option(
    "--memory",
    multiple=True,
    type=click.Choice(["settle", "exact", "trace"]),
    metavar="settle|exact|trace",
    help="A deeper look at memory in each step: freed memory returned first, every object visited, or who allocated (memray).",
)


verify_option = click.option(
    "--verify",
    is_flag=True,
    help="Examine all variables, and tell what a step changed without naming it; 0.1 s per GB, twice a step.",
)


class Count(click.IntRange):
    """A whole number that is not too small."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number, or say which ones there may be."""
        if not str(value).isdigit() or int(value) < (self.min or 0):
            self.fail(f"{value!r} is no number of at least {self.min or 0:g}.", param, ctx)
        return int(value)


def run_options(command: F) -> F:
    """Give a command the options of `pforge_lab.Pipeline.start`; ``start_options`` reads them."""
    for option in reversed(_RUN_OPTIONS):
        command = option(command)
    return command


def start_options(options: dict[str, Any]) -> dict[str, Any]:
    """Return what ``run_options`` gave a command, as arguments of `pforge_lab.Pipeline.start`."""
    keep = options.pop("keep")
    if keep is not None:
        options["keep"] = int(keep) if keep.isdigit() else keep
    return options


_RUN_OPTIONS = (
    memory_option,
    verify_option,
    click.option(
        "--drop-unused/--no-drop-unused",
        default=None,
        help="Drop variables that no later step reads, and return their memory; snapshots keep them.",
    ),
    click.option("--keep", metavar="N|all|records", help="Which snapshots stay."),
    click.option(
        "--exclude",
        multiple=True,
        metavar="PATTERN",
        help="Names of variables that are never kept: '*token*'.",
    ),
    click.option(
        "--carry",
        metavar="NAME",
        help="Start with what the last run under this name ended with, and keep this one's.",
    ),
    click.option("--id", metavar="ID", help="Name of the run; by default the pipeline's name and the time."),
)


def target(text: str) -> int | str:
    """Return a position as a number, anything else as a label.

    Examples
    --------
    >>> target("3"), target("clean#2")
    (3, 'clean#2')
    """
    return int(text) if text.isdigit() else text


def pairs(texts: tuple[str, ...]) -> dict[str, str]:
    """Return ``NAME=VALUE`` texts as a dict.

    Raises
    ------
    UsageError
        One has no ``=``.

    Examples
    --------
    >>> pairs(("month=2", "source=a=b.csv"))
    {'month': '2', 'source': 'a=b.csv'}
    """
    wrong = [
        text for text in texts if not text.partition("=")[1] or not text.partition("=")[0].isidentifier()
    ]
    if wrong:
        raise UsageError(f"a parameter is NAME=VALUE, not {wrong[0]!r}")
    return {name: value for name, _, value in (text.partition("=") for text in texts)}


def parse_params(session: Session, pipeline: Pipeline, texts: tuple[str, ...]) -> dict[str, Any]:
    """Return parameters by name: text by declared type, ``$NAME`` as that variable of the notebook."""
    given = pairs(texts)
    taken = {
        name: value[1:]
        for name, value in given.items()
        if value.startswith("$") and session.namespace is not None
    }
    plain = pipeline.parse_params({name: value for name, value in given.items() if name not in taken})
    return plain | {name: from_notebook(session, source) for name, source in taken.items()}


def from_notebook(session: Session, name: str) -> Any:
    """Return a variable of the notebook.

    Raises
    ------
    UsageError
        It has none of that name.
    """
    if session.namespace is None or name not in session.namespace:
        raise UsageError(f"the notebook has no variable {name!r}; define it in a cell first")
    return session.namespace[name]
