"""Command ``notebook``: execute a notebook as a recorded, resumable run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from pforge_lab.cli.options import pairs
from pforge_lab.errors import StepError


@click.command()
@click.argument("source", metavar="IN", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("output", metavar="OUT", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "-p", "--param", "params", multiple=True, metavar="NAME=VALUE", help="A parameter of the notebook."
)
@click.option("--resume", metavar="RUN", is_flag=False, flag_value="1", help="Go on with a run; the latest unfinished one without RUN.")  # fmt: skip
@click.option("--store", metavar="URL", help="Where the run is kept: OUT.pforge/run.fs by default.")
@click.option("--no-report", is_flag=True, help="Append no summary to the output.")
@click.option("--no-snapshots", is_flag=True, help="Keep records only: nothing to resume from.")
@click.option("--strict", is_flag=True, help="Fail when the job cannot be recorded.")
@click.option("--exclude", multiple=True, metavar="PATTERN", help="Variables that are never kept.")
@click.option("--json", "as_json", is_flag=True, help="Print what came of it as JSON.")
def notebook(
    source: Path, output: Path, params: tuple[str, ...], *, resume: str | None, store: str | None,
    no_report: bool, no_snapshots: bool, strict: bool, exclude: tuple[str, ...], as_json: bool,
) -> None:  # fmt: skip
    """Execute the notebook IN, recorded cell by cell, and write it to OUT."""
    import papermill  # noqa: PLC0415 - slow to import
    from papermill.cli import _resolve_type  # noqa: PLC0415 - texts as papermill reads them
    from papermill.engines import papermill_engines  # noqa: PLC0415

    from pforge_lab.papermill_engine import PforgeEngine  # noqa: PLC0415

    papermill_engines.register("pforge", PforgeEngine)
    options: dict[str, Any] = {"resume": resume, "state": store, "exclude": exclude or None}
    options |= {"report": False if no_report else None, "snapshots": False if no_snapshots else None}
    options |= {"strict": True if strict else None}
    given = {f"pforge_{name}": value for name, value in options.items() if value is not None}
    values = {name: _resolve_type(text) for name, text in pairs(params).items()}
    failed: Any = None
    try:
        papermill.execute_notebook(
            source, output, values, engine_name="pforge", progress_bar=not as_json, **given
        )
    except papermill.PapermillExecutionError as error:
        failed = error
    _tell(output, as_json=as_json)
    if failed is not None:
        raise StepError(
            f"a cell failed: {failed.ename}: {failed.evalue}; mend it, then: pforge-lab notebook {source} {output} --resume"
        ) from failed


def _tell(output: Path, *, as_json: bool) -> None:
    """Print what the output says of its run; the last line attaches to it."""
    facts = json.loads(output.read_text(encoding="utf-8"))["metadata"].get("pforge", {})
    if as_json:
        click.echo(json.dumps(facts | {"output": str(output)}))
    elif facts:
        click.echo(f"run {facts['run']}: {facts['status']} at position {facts['position']}")
        click.echo(f"pforge-lab --state {facts['state']} --run {facts['run']} status")
