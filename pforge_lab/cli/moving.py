"""Commands that move a run: start step back goto finish run attach resume fork set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pforge_lab.cli import completing
from pforge_lab.cli.options import (
    Count,
    memory_option,
    params_option,
    parse_params,
    run_options,
    start_options,
    target,
    values_option,
    verify_option,
)
from pforge_lab.cli.session import Session, pass_session
from pforge_lab.cli.values import assignment

if TYPE_CHECKING:
    from pforge_lab.runs.records import StepRecord
    from pforge_lab.runs.run import Run

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument("pipeline", required=False, shell_complete=completing.pipelines)
@params_option
@run_options
@pass_session
def start(session: Session, /, pipeline: str | None, params: tuple[str, ...], **options: Any) -> Run:
    """Start a run of the loaded PIPELINE, or of one in a file or a variable; nothing is executed yet."""
    chosen, place = session.find_pipeline(pipeline)
    values = parse_params(session, chosen, params)
    return session.start(chosen, values, place=place, **start_options(options))


@click.command()
@click.argument("n", type=Count(min=1), default=1)
@memory_option
@verify_option
@pass_session
def step(session: Session, n: int, memory: tuple[str, ...], *, verify: bool) -> StepRecord:
    """Execute the next step, or the next N, and return the last record."""
    run = session.need_run()
    with session.following(run):
        return run.step(n, memory=memory, verify=verify)


@click.command()
@click.argument("n", type=Count(min=0), default=1)
@pass_session
def back(session: Session, n: int) -> Run:
    """Go N positions back: the variables are as they were there."""
    run = session.need_run()
    run.back(n)
    return run


@click.command()
@click.argument("step", shell_complete=completing.places)
@pass_session
def goto(session: Session, step: str) -> Run:
    """Go to a position, or to after the step labelled STEP. Never executes."""
    run = session.need_run()
    run.goto(target(step))
    return run


@click.command()
@click.option("--until", metavar="STEP", shell_complete=completing.planned, help="Stop after this step.")
@click.option("--retry-failed", is_flag=True, help="Go back to the first step that failed and was passed.")
@pass_session
def finish(session: Session, until: str | None, *, retry_failed: bool) -> Run:
    """Execute all steps that are left."""
    run = session.need_run()
    with session.following(run):
        run.finish(until, retry_failed=retry_failed, each=session.on_record)
    return run


@click.command(name="run")
@click.argument("file", type=FILE, shell_complete=completing.files(*completing.PIPELINES))
@click.option("--pipeline", metavar="NAME", help="Which one, when the file has several.")
@params_option
@run_options
@pass_session
def run_file(
    session: Session, /, file: Path, pipeline: str | None, params: tuple[str, ...], **options: Any
) -> Run:
    """Load a FILE, start its pipeline and finish it."""
    session.load(file, pipeline)
    chosen = session.need_pipeline(pipeline)
    values = parse_params(session, chosen, params)
    started = session.start(chosen, values, place=file.stem, **start_options(options))
    with session.following(started):
        started.finish(each=session.on_record)
    return started


@click.command()
@click.argument("run", required=False, shell_complete=completing.runs)
@pass_session
def attach(session: Session, run: str | None) -> Run:
    """Select a RUN, the newest without one; nothing is executed."""
    return session.open(run)


@click.command()
@click.argument("run", required=False, shell_complete=completing.runs)
@pass_session
def resume(session: Session, run: str | None) -> Run:
    """Select a RUN, the newest without one, and finish it from its last completed step."""
    chosen = session.open(run) if run or session.run is None else session.run
    with session.following(chosen):
        chosen.finish(each=session.on_record)
    return chosen


@click.command()
@click.option(
    "--at",
    metavar="STEP",
    shell_complete=completing.places,
    help="Position or label to fork at; here by default.",
)
@click.option("--changed", is_flag=True, help="Go on with the pipeline's file as it is now.")
@values_option
@pass_session
def fork(session: Session, at: str | None, params: tuple[str, ...], *, changed: bool) -> Run:
    """Make a new run that shares this one's history, with other variables, and select it."""
    run = session.need_run()
    values: dict[str, Any] = dict(assignment(session, text) for text in params)
    if changed:
        session.run = run.fork_changed(from_step=at, params=values)
    else:
        session.run = run.fork(None if at is None else target(at), set=values)
    return session.run


@click.command(name="set")
@click.argument(
    "assignments", nargs=-1, required=True, metavar="NAME=EXPR", shell_complete=completing.assigned
)
@pass_session
def set_variable(session: Session, assignments: tuple[str, ...]) -> Run:
    """Give a variable another value: the rest of the line is an expression; in a shell a JSON literal."""
    run = session.need_run()
    name, value = assignment(session, " ".join(assignments))
    run.set(**{name: value})
    return run
