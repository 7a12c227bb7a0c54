"""Commands that look: status vars show pull diff compare dataflow memory advise runs ui."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pforge_lab.cli import completing
from pforge_lab.cli.options import target
from pforge_lab.cli.session import Session, pass_session
from pforge_lab.cli.shown import NOTHING_TO_DROP
from pforge_lab.errors import UsageError
from pforge_lab.runs import api
from pforge_lab.runs.runs_frame import runs_frame
from pforge_lab.views.runs import found

if TYPE_CHECKING:
    import pandas as pd

    from pforge_lab.runs.compare import Comparison
    from pforge_lab.runs.run import Run
    from pforge_lab.runs.variables import Variables
    from pforge_lab.widgets.stepper import Stepper

at_option = click.option(
    "--at", metavar="STEP", shell_complete=completing.places, help="Position or label; here by default."
)


@click.command()
@pass_session
def status(session: Session) -> Run:
    """Show where the run stands: steps, times, memory, variables, stale code."""
    return session.need_run()


@click.command(name="vars")
@at_option
@pass_session
def variables(session: Session, at: str | None) -> Variables:
    """Show the variables with type, shape, bytes and change."""
    run = session.need_run()
    return run.variables if at is None else run.at(target(at)).variables


@click.command()
@click.argument("var", shell_complete=completing.variables)
@at_option
@pass_session
def show(session: Session, var: str, at: str | None) -> Any:
    """Show one variable."""
    run = session.need_run()
    return run[var] if at is None else run.at(target(at))[var]


@click.command()
@click.argument("names", nargs=-1, shell_complete=completing.variables)
@pass_session
def pull(session: Session, names: tuple[str, ...]) -> None:
    """Put variables of the run into the notebook: all, or those named."""
    if session.namespace is None:
        raise UsageError("pull puts variables into a notebook; in a shell use: show VAR")
    held = session.need_run().variables
    values = {name: held[name] for name in names} if names else held.present()
    session.namespace.update(values)
    click.echo(f"pulled {', '.join(values) or 'nothing'}")


@click.command()
@click.argument("a", required=False, shell_complete=completing.places)
@click.argument("b", required=False, shell_complete=completing.places)
@pass_session
def diff(session: Session, a: str | None, b: str | None) -> pd.DataFrame:
    """Show what changed from position or label A to B; without them, what the last step changed."""
    ends = [None if text is None else target(text) for text in (a, b)]
    return session.need_run().diff(*ends)


@click.command()
@click.argument("a", metavar="RUN", shell_complete=completing.runs)
@click.argument("b", metavar="[RUN]", required=False, shell_complete=completing.runs)
@pass_session
def compare(session: Session, a: str, b: str | None) -> Comparison:
    """Show two RUNs side by side: parameters, steps, times, peaks, variables; with one, the current run beside it."""
    first = session.need_run() if b is None else api.open_run(a, state=session.state)
    found = first.compare(api.open_run(a if b is None else b, state=session.state))
    if session.namespace is None:
        return found
    from pforge_lab.widgets.comparison import BrowsedComparison  # noqa: PLC0415 - only notebooks have widgets

    return BrowsedComparison.of(found)


@click.command()
@pass_session
def ui(session: Session) -> Stepper:
    """Open the stepper: the current run to click through, in a notebook."""
    if session.namespace is None:
        raise UsageError(
            "the stepper is a view of notebooks: in a cell, %pforge attach and %pforge ui; in a shell use status"
        )
    return session.need_run().ui()


@click.command()
@click.argument("pipeline", required=False, shell_complete=completing.pipelines)
@pass_session
def dataflow(session: Session, pipeline: str | None) -> pd.DataFrame:
    """Show who reads and writes what in the loaded PIPELINE or that of a file, or in that of the current run."""
    if pipeline is not None or (session.run is None and session.pipeline is not None):
        return session.find_pipeline(pipeline)[0].dataflow()
    return session.need_run().pipeline.dataflow()


@click.command()
@click.option(
    "--save",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the plot: .png .svg .pdf",
)
@pass_session
def memory(session: Session, save: Path | None) -> Any:
    """Show memory per step: before, true peak and after; in a notebook as a plot."""
    run = session.need_run()
    if save is not None:
        figure = run.plot_memory().get_figure(root=True)
        assert figure is not None  # noqa: S101 - axes that were just drawn have one
        try:
            figure.savefig(save)
        except (OSError, ValueError) as error:  # no such folder, no such format
            reason = getattr(error, "strerror", None) or error
            raise UsageError(f"cannot write the plot to {save}: {reason}") from error
        click.echo(f"wrote {save}")
    return run.memory if session.namespace is None else run.plot_memory()


@click.command()
@pass_session
def advise(session: Session) -> pd.DataFrame:
    """Show which variables to drop after which step, and what that does to the peak."""
    advice = session.need_run().advise()
    if advice.empty and session.namespace is not None:
        click.echo(NOTHING_TO_DROP)
    return advice


@click.command()
@click.option("--failed", is_flag=True, help="Only failed and interrupted ones.")
@click.option("--since", metavar="AGE", help="Only those begun within AGE, such as 30m, 12h or 7d.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_session
def runs(session: Session, *, failed: bool, since: str | None, as_json: bool) -> pd.DataFrame | None:
    """Show all runs, newest first; in a notebook to search, open, resume, fork, compare and delete."""
    begin = None if since is None else datetime.now(UTC) - age(since)
    status = "unfinished" if failed else ""
    rows = found(api.summaries(session.state, since=begin), status=status)
    if as_json:
        click.echo(json.dumps([asdict(row) for row in rows], default=str, indent=2))
        return None
    frame = runs_frame(rows, None if session.state is None else session.state.url)
    if session.namespace is None:
        return frame
    from pforge_lab.widgets.run_browser import BrowsedRuns, RunBrowser  # noqa: PLC0415 - only notebooks have widgets

    return BrowsedRuns.of(
        frame,
        lambda: RunBrowser(
            session.state, status=status, since=begin, opened=session.choose, deleted=session.let_go
        ),
    )


def age(text: str) -> timedelta:
    """Return a time span such as ``30m``, ``12h`` or ``7d``.

    Examples
    --------
    >>> age("12h")
    datetime.timedelta(seconds=43200)
    """
    match = re.fullmatch(r"(\d+)([smhdw])", text)
    if match is None:
        raise UsageError(f"an age is a number and s, m, h, d or w, such as 12h, not {text!r}")
    unit = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}[match[2]]
    return timedelta(**{unit: int(match[1])})
