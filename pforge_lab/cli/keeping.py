"""Commands that put runs away and take them over: delete export import trust."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pforge_lab.cli import completing
from pforge_lab.cli.session import Session, pass_session
from pforge_lab.runs import api
from pforge_lab.runs.endorsing import endorse
from pforge_lab.runs.exporting import export_run
from pforge_lab.runs.foreign import foreign
from pforge_lab.runs.housekeeping import delete_run
from pforge_lab.runs.importing import import_run
from pforge_lab.trust import key_path
from pforge_lab.values.format import size

if TYPE_CHECKING:
    from pforge_lab.runs.foreign import Foreign
    from pforge_lab.runs.run import Run


@click.command()
@click.argument("run", shell_complete=completing.runs)
@pass_session
def delete(session: Session, run: str) -> None:
    """Delete a RUN with all its lines, and the snapshots that no other run needs."""
    collected = delete_run(run, state=session.state)
    session.let_go(run)
    click.echo(f"deleted run {run}; {collected}")


@click.command()
@click.argument("run", shell_complete=completing.runs)
@click.argument(
    "file", type=click.Path(dir_okay=False, path_type=Path), shell_complete=completing.files(".pfz")
)
@pass_session
def export(session: Session, run: str, file: Path) -> None:
    """Write a RUN with its records and snapshots into a FILE, to hand to somebody else."""
    chosen = api.open_run(run, state=session.state)
    path = export_run(chosen, file)
    click.echo(f"wrote run {chosen.id} to {path} ({size(path.stat().st_size)})")


@click.command(name="import")
@click.argument(
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    shell_complete=completing.files(".pfz"),
)
@click.option(
    "--id", "name", metavar="ID", help="Name of the run here; its own, or ID-2 and so on, by default."
)
@pass_session
def import_file(session: Session, file: Path, name: str | None) -> Run:
    """Put the run of a FILE that export wrote into the store, and select it; executes nothing of it."""
    session.run = import_run(file, session.store(file.stem), id=name)
    return session.run


@click.command()
@click.argument("run", shell_complete=completing.runs)
@click.option("--list", "listing", is_flag=True, help="Say what that would allow, and sign nothing.")
@click.option("--yes", is_flag=True, help="Do not ask, in a terminal.")
@pass_session
def trust(session: Session, run: str, *, listing: bool, yes: bool) -> Run:
    """Sign a RUN of somebody else with your key, and select it: it then loads in full, which may run their code.

    What that allows is said before, and in a terminal you are asked.
    """
    chosen = api.open_run(run, state=session.state)
    allows = foreign(chosen)
    if not allows:
        click.echo(f"run {chosen.id}: it is yours already")
    else:
        click.echo(f"run {chosen.id}: {_counted(allows)} signed with another key; {allows}")
        if not listing:
            if not yes and sys.stdin.isatty():
                click.confirm(f"Sign them with your key {key_path()}?", abort=True)
            chosen = endorse(chosen).run
            click.echo(f"signed {_counted(allows)} with your key {key_path()}")
    session.run = chosen
    return chosen


def _counted(allows: Foreign) -> str:
    return f"{allows.snapshots} snapshots" + (" and its functions" if allows.functions else "")
