"""W1 as a notebook that Kishu checkpoints after each cell.

    python -m tests.benchmarks._kishu STEPS ARRAYS FLOATS

In a process of its own, as it takes over IPython and the home, and in an environment of its own, as it
brings along packages that were made for Pythons long gone (``typing``, ``dataclasses``).

Prints JSON: seconds per step beside the cell's own, and bytes after the start. Of its two trackers the
experimental one is taken: of arrays that are replaced it keeps the right history, at a tenth of the cost.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from time import perf_counter

KISHU = "kishu==0.3.4"
ROOT = Path(__file__).parents[2]


def python_with_kishu(*packages: str) -> list[str]:
    """Return the command of a Python that has Kishu, and of these packages the versions that are installed here.

    Raises
    ------
    RuntimeError
        There is no uv to install it with.
    """
    uv = shutil.which("uv") or shutil.which("uv", path=ROOT / ".tools" / "bin")
    if uv is None:
        raise RuntimeError("there is no uv to install it with")
    needs = [KISHU, *(f"{package}=={version(package)}" for package in packages)]
    options = [option for need in needs for option in ("--with", need)]
    return [uv, "run", "--quiet", "--no-project", "--python", sys.executable, *options, "python"]


def kishu(steps: int, arrays: int, floats: int) -> tuple[list[float], int]:
    """Return seconds per step and bytes of Kishu, or raise `RuntimeError` with what it said."""
    python = python_with_kishu("numpy")
    program = ["-m", "tests.benchmarks._kishu", str(steps), str(arrays), str(floats)]
    with tempfile.TemporaryDirectory() as place:
        environment = {**os.environ, "KISHU_PATH_ROOT": place, "IPYTHONDIR": place}
        done = subprocess.run(
            [*python, *program], env=environment, cwd=ROOT, capture_output=True, text=True, check=False
        )
    if done.returncode:
        raise RuntimeError(done.stderr.strip().rpartition("\n")[2])
    seconds, kept = json.loads(done.stdout.splitlines()[-1])
    return seconds, kept


def measured(steps: int, arrays: int, floats: int, place: Path) -> tuple[list[float], int]:
    """Execute the cells and return what they cost."""
    import nbformat
    from IPython.core.interactiveshell import InteractiveShell
    from kishu.jupyterint import KishuForJupyter
    from kishu.notebook_id import NotebookId
    from kishu.storage.config import Config

    Config.set("IDGRAPH", "experimental_tracker", "True")
    nbformat.write(nbformat.v4.new_notebook(), place / "w1.ipynb")
    shell = InteractiveShell.instance()
    KishuForJupyter(NotebookId("w1", place / "w1.ipynb", "none"), shell).install_kishu_hooks()
    shell.run_cell("import numpy as np; from time import perf_counter; random = np.random.default_rng(7)")
    shell.run_cell("\n".join(f"a{number} = random.random({floats})" for number in range(arrays)))
    before, seconds = bytes_of(place), []
    for step in range(steps):
        name = f"a{step % arrays}"
        begin = perf_counter()
        shell.run_cell(f"begin = perf_counter(); {name} = {name} + {step}; spent = perf_counter() - begin")
        seconds.append(perf_counter() - begin - shell.user_ns["spent"])
    return seconds, bytes_of(place) - before


def bytes_of(place: Path) -> int:
    """Return the bytes of all files of a folder."""
    return sum(path.stat().st_size for path in place.rglob("*") if path.is_file())


if __name__ == "__main__":
    print(json.dumps(measured(*map(int, sys.argv[1:]), Path(os.environ["KISHU_PATH_ROOT"]))))
