"""The command that executes a pipeline with many parameter sets: sweep."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import click

from pforge_lab.cli import completing
from pforge_lab.cli.moving import FILE
from pforge_lab.cli.options import pairs
from pforge_lab.cli.session import Session, pass_session
from pforge_lab.errors import StepError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from pforge_lab.pipeline.spec import Pipeline

    Read: TypeAlias = Callable[[str, str], Any]


@click.command()
@click.argument("file", type=FILE, shell_complete=completing.files(*completing.PIPELINES, ".ipynb"))
@click.option(
    "-p", "--param", "params", multiple=True, metavar="NAME=V1,V2,…",
    help="Values of a parameter, each read by its type; every combination is executed.",
)  # fmt: skip
@click.option(
    "--sets", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE",
    help="A JSON file with a list of parameter sets, instead of -p.",
)  # fmt: skip
@click.option("--pipeline", metavar="NAME", help="Which one, when the file has several.")
@click.option("--output", "outputs", multiple=True, metavar="VAR", help="Show this variable of each run.")
@click.option(
    "--folder", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
    help="Where output notebooks go; NAME-sweep beside the notebook by default.",
)  # fmt: skip
@click.option("--workers", type=click.IntRange(1), metavar="N", help="Processes; one per core by default.")
@click.option("--dask", metavar="ADDRESS", help="Scheduler of a Dask cluster to execute on.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_session
def sweep(  # noqa: PLR0917 - click passes them by name
    session: Session,
    file: Path,
    params: tuple[str, ...],
    sets: Path | None,
    pipeline: str | None,
    outputs: tuple[str, ...],
    folder: Path | None,
    workers: int | None,
    dask: str | None,
    *,
    as_json: bool,
) -> pd.DataFrame | None:
    """Run the pipeline or the notebook in FILE with many parameter sets, side by side; again, only what is missing.

    Exit code 1 when a run has failed: the same command again goes on with it.
    """
    from pforge_lab.sweeps.api import sweep as execute  # noqa: PLC0415 - loads cloudpickle

    chosen, read = _notebook(file) if file.suffix == ".ipynb" else _pipeline(session, file, pipeline)
    grid = _grid(read, params, sets)
    options: dict[str, Any] = {
        "state": session.store(file.stem), "outputs": outputs, "workers": workers, "folder": folder
    }  # fmt: skip
    if dask is None:
        frame = execute(chosen, grid, **options)
    else:
        with _dask_client(dask) as client, client.get_executor() as executor:
            frame = execute(chosen, grid, **options, executor=executor)
    if as_json:
        click.echo(frame.to_json(orient="records", indent=2, default_handler=str))
    if session.namespace is not None:
        return None if as_json else frame
    if not as_json:
        click.echo(frame.to_string())
    failed = int((frame["status"] != "done").sum())
    if failed:
        raise StepError(f"{failed} of {len(frame)} runs are not done; the same command goes on with them")
    return None


def _pipeline(session: Session, file: Path, name: str | None) -> tuple[Pipeline, Read]:
    session.load(file, name)
    chosen = session.need_pipeline(name)
    return chosen, lambda param, text: chosen.parse_params({param: text})[param]


def _notebook(file: Path) -> tuple[Path, Read]:
    from pforge_lab.papermill_engine.parameters import declared, read_as  # noqa: PLC0415 - imports papermill
    from pforge_lab.sweeps.notebooks import SweptNotebook  # noqa: PLC0415

    known = declared(SweptNotebook.read(file, None).content) or {}
    return file, lambda param, text: read_as(known.get(param, ""), text)


def _grid(read: Read, params: tuple[str, ...], sets: Path | None) -> Any:
    """Return the parameter sets; text with commas of its own goes into a file for --sets."""
    if sets is None:
        return {
            name: [read(name, value) for value in text.split(",")] for name, text in pairs(params).items()
        }
    if params:
        raise UsageError("the parameters come from -p or from --sets, not from both")
    try:
        return json.loads(sets.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{sets} is no JSON: {error}; write a list of objects") from error


def _dask_client(address: str) -> Any:
    try:
        from distributed import Client  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise UsageError(
            "a Dask cluster needs distributed; install it with: python -m pip install 'pforge_lab[dask]'"
        ) from error
    try:
        return Client(address)  # type: ignore[no-untyped-call]  # distributed has no types here
    except (OSError, ValueError) as error:
        raise UsageError(f"there is no Dask scheduler at {address}: {error}") from error
