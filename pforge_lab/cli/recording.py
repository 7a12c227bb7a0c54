"""Command ``record``: make each executed cell of a live notebook a step of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pforge_lab.cli.session import Session, pass_session
from pforge_lab.errors import UsageError

if TYPE_CHECKING:
    from pforge_lab.runs.run import Run


@click.command()
@click.argument("switch", type=click.Choice(["on", "off"]))
@pass_session
def record(session: Session, switch: str) -> Run | None:
    """Make each executed cell a step of a run, from the next cell on: back, diff, memory and fork work.

    After attaching to a notebook's run it goes on with that one, and gets the variables it lacks.
    """
    if session.record is None:
        raise UsageError("record is for live notebooks: %pforge record on; in a shell use: notebook IN OUT")
    return session.record(on=switch == "on")
