"""Command ``config``: what holds where a command says nothing else."""

from __future__ import annotations

import os
from typing import Any, Protocol

import click
import pandas as pd

from pforge_lab.cli import completing
from pforge_lab.cli.session import Session, pass_session
from pforge_lab.errors import UsageError
from pforge_lab.runs.places import folder
from pforge_lab.trust import key_path


class Defaults(Protocol):
    """What a notebook lets its user set: the command knows nothing of where it is kept."""

    def values(self) -> dict[str, Any]:
        """Return the values by name."""

    def put(self, name: str, text: str) -> None:
        """Set one from text; a `UsageError` says what is wrong with it."""


@click.command()
@click.argument("setting", required=False, metavar="[NAME=VALUE]", shell_complete=completing.defaults)
@pass_session
def config(session: Session, setting: str | None) -> pd.DataFrame | None:
    """Show what holds where a command says nothing else; in a notebook NAME=VALUE sets it, for this notebook."""
    if setting is not None:
        _put(session, setting)
    rows = _rows(session)
    if session.namespace is not None:
        return pd.DataFrame(rows, columns=["name", "value", "set with"])
    for name, value, how in rows:
        click.echo(f"{name:<6}  {value}  ({how})")
    return None


def _put(session: Session, setting: str) -> None:
    name, equals, text = setting.partition("=")
    if session.defaults is None:
        raise UsageError(
            "in a shell defaults are set with --state URL or PFORGE_STATE, and the key with PFORGE_KEY; "
            "NAME=VALUE is for notebooks"
        )
    if not equals:
        raise UsageError(
            f"expected NAME=VALUE, not {setting!r}; there are {', '.join(session.defaults.values())}"
        )
    session.defaults.put(name.strip(), text.strip())


def _rows(session: Session) -> list[tuple[str, str, str]]:
    place = str(folder() / "*.fs") if session.state is None else session.state.url
    key = ("key", str(key_path()), "PFORGE_KEY")
    if session.defaults is None:
        by = "PFORGE_STATE" if session.state is not None and os.environ.get("PFORGE_STATE") else "--state"
        return [("state", place, by), key]
    values = session.defaults.values() | {"state": place}
    return [(name, _shown(value), f"%pforge config {name}=…") for name, value in values.items()] + [key]


def _shown(value: Any) -> str:
    return ", ".join(value) or "none" if isinstance(value, list) else str(value)
