"""Command ``notebook``: execute a notebook as a recorded, resumable run."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pforge_lab.cli import completing
from pforge_lab.cli.options import pairs
from pforge_lab.cli.session import Session, pass_session
from pforge_lab.errors import ParamError, StepError, UsageError, one_line
from pforge_lab.runs.exclusion import Exclusion

if TYPE_CHECKING:
    from collections.abc import Collection

EPILOG = """
Exit codes: 0 executed; 1 a cell failed, the kernel died or time ran out; 2 wrong use, what is needed
to resume was not kept, or --strict and not recorded; 3 a parameter is of the wrong type, or the
notebook has none of that name; 4 no such run; 5 the store is in use or damaged; 130 interrupted; 143 ended by SIGTERM, which is recorded.
"""


@click.command(epilog=EPILOG)
@click.argument(
    "source",
    metavar="IN",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    shell_complete=completing.files(".ipynb"),
)
@click.argument(
    "output",
    metavar="OUT",
    type=click.Path(dir_okay=False, path_type=Path),
    shell_complete=completing.files(".ipynb"),
)
@click.option(
    "-p", "--param", "params", multiple=True, metavar="NAME=VALUE", help="A parameter of the notebook."
)
@click.option("--resume", metavar="RUN", is_flag=False, flag_value="1", help="Go on with a run, with its parameters; the latest unfinished one without RUN.")  # fmt: skip
@click.option("--store", metavar="URL", help="Where the run is kept: OUT.pforge/run.fs by default.")
@click.option("--no-report", is_flag=True, help="Append no summary to the output.")
@click.option("--no-snapshots", is_flag=True, help="Keep records only: nothing to resume from.")
@click.option("--strict", is_flag=True, help="Fail when the job cannot be recorded.")
@click.option("--exclude", multiple=True, metavar="PATTERN", help="Variables that are never kept.")
@click.option("--json", "as_json", is_flag=True, help="Print what came of it as JSON.")
@pass_session
def notebook(
    session: Session, source: Path, output: Path, params: tuple[str, ...], *, resume: str | None, store: str | None,
    no_report: bool, no_snapshots: bool, strict: bool, exclude: tuple[str, ...], as_json: bool,
) -> None:  # fmt: skip
    """Execute the notebook IN, recorded cell by cell, and write it to OUT."""
    options = {
        "resume": resume,
        "state": store or _given_up(session),
        "report": False if no_report else None,
        "snapshots": False if no_snapshots else None,
        "strict": True if strict else None,
        "exclude": exclude or None,
    }
    given = {f"pforge_{name}": value for name, value in options.items() if value is not None}
    content = _read(source)
    values = _values(content, params)
    if resume is not None:
        values = _before(content, output, given) | values
    values = dict(sorted(values.items()))  # as the output tells them: in another order they make another cell
    before = output.stat().st_mtime_ns if output.exists() else None
    excluded = _exclusion(given).reasons(pairs(params))  # resumed it has them from the output
    repeated = tuple(text for text in params if text.partition("=")[0] not in excluded)
    words: list[object] = ["pforge-lab", "notebook", source, output, *_repeated("-p", repeated)]
    words += ["--store", options["state"]] if options["state"] else []
    words += [*_repeated("--exclude", exclude), "--resume"]
    again = f"mend it, then: {shlex.join(map(str, words))}"
    try:
        _execute(source, output, values, again, progress_bar=not as_json, **given)
    finally:
        if output.exists() and output.stat().st_mtime_ns != before:
            _tell(output, as_json=as_json)


def _repeated(option: str, values: tuple[str, ...]) -> list[str]:
    return [word for value in values for word in (option, value)]


def _given_up(session: Session) -> str | None:
    """Return the store that a shell's command line names, and close it here: the kernel will hold it."""
    if session.state is None or session.namespace is not None:
        return None
    url = session.state.url
    session.state.close()
    session.state = None
    return url


def _execute(source: Path, output: Path, values: dict[str, Any], again: str, **options: Any) -> None:
    import papermill  # noqa: PLC0415 - slow to import
    from nbclient.exceptions import CellTimeoutError, DeadKernelError  # noqa: PLC0415
    from papermill.engines import papermill_engines  # noqa: PLC0415

    from pforge_lab.papermill_engine import PforgeEngine  # noqa: PLC0415

    papermill_engines.register("pforge", PforgeEngine)
    try:
        papermill.execute_notebook(source, output, values, engine_name="pforge", **options)
    except papermill.PapermillExecutionError as error:
        raise StepError(f"a cell failed: {error.ename}: {error.evalue}; {again}") from error
    except (DeadKernelError, CellTimeoutError) as error:
        raise StepError(f"{type(error).__name__}: {str(error).splitlines()[0]}; {again}") from error


def _values(content: Any, params: tuple[str, ...]) -> dict[str, Any]:
    """Return the parameters of a command line, refused all at once when the notebook does not declare them so."""
    from pforge_lab.papermill_engine.parameters import declared, name_faults, read_as, type_faults  # noqa: PLC0415 - imports papermill

    known = declared(content)
    values = {name: read_as((known or {}).get(name, ""), text) for name, text in pairs(params).items()}
    faults = [] if known is None else type_faults(known, values) + name_faults(known, values)
    if faults:
        raise ParamError.of(faults)
    return values


def _exclusion(given: dict[str, Any], before: Collection[str] = ()) -> Exclusion:
    """Return which variables are never kept, by the engine's keywords, the environment, or the execution before."""
    from pforge_lab.papermill_engine.options import Options  # noqa: PLC0415 - imports papermill

    return Exclusion.of([*Options.taken(dict(given)).exclude, *before])


def _before(content: Any, output: Path, given: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters of the execution that is gone on with, and tell them; its output has them."""
    from pforge_lab.papermill_engine.parameters import declared  # noqa: PLC0415 - imports papermill

    try:
        metadata = json.loads(output.read_text(encoding="utf-8"))["metadata"]
        facts = metadata["papermill"]["parameters"]
    except (FileNotFoundError, LookupError):  # it was not written, or had no parameters
        return {}
    except (OSError, ValueError, TypeError) as error:
        click.echo(f"{output} cannot be read ({one_line(error)}): parameters are those of -p alone", err=True)
        return {}
    known = declared(content)
    values = {name: value for name, value in dict(facts).items() if known is None or name in known}
    if values:
        exclusion = _exclusion(given, metadata.get("pforge", {}).get("exclude", ()))
        shown = exclusion.told({name: repr(value) for name, value in values.items()})
        told = ", ".join(f"{name}={text}" for name, text in shown.items())
        click.echo(f"parameters are as they were where -p gives no others: {told}", err=True)
    return values


def _read(source: Path) -> Any:
    """Return a notebook; refuse what is none, before a kernel is started for it."""
    import nbformat  # noqa: PLC0415 - slow to import
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel  # noqa: PLC0415

    try:
        found = nbformat.read(source, as_version=4)  # type: ignore[no-untyped-call]  # nbformat has no types here
        nbformat.validate(found)
    except (OSError, ValueError, KeyError, AttributeError, nbformat.ValidationError) as error:
        reason = str(error).strip().splitlines()[0][:120]
        raise UsageError(
            f"{source} is no notebook that can be read: {reason}; IN is an .ipynb file"
        ) from error
    kernel = found.metadata.get("kernelspec", {}).get("name")
    if not kernel:
        raise UsageError(f"{source} names no kernel; open it in Jupyter, choose one, and save it")
    try:
        KernelSpecManager().get_kernel_spec(kernel)
    except NoSuchKernel as error:
        raise UsageError(
            f"{source} asks for kernel {kernel!r}, which is not installed; jupyter kernelspec list shows those that are"
        ) from error
    return found


def _tell(output: Path, *, as_json: bool) -> None:
    """Print what the output says of its run; the last line attaches to it."""
    facts = json.loads(output.read_text(encoding="utf-8"))["metadata"].get("pforge", {})
    if as_json:
        click.echo(json.dumps(facts | {"output": str(output)}))
    elif "run" in facts:
        for remark in facts["remarks"]:
            click.echo(remark)
        click.echo(f"run {facts['run']}: {facts['status']} at position {facts['position']}")
        words = ("pforge-lab", "--state", facts["state"], "--run", facts["run"], "status")
        click.echo(shlex.join(words))
