"""What tests of the magics share: a shell of IPython, and a real kernel."""

from __future__ import annotations

import atexit
import os
import re
import sys
import types
from dataclasses import dataclass, field
from typing import Any

import pytest

from pforge_lab.state import opening

_ANSI = re.compile(r"\x1b\[[0-9;]*m")


@dataclass
class Cell:
    """What a cell left: text on its streams, the text of its result, its error as shown."""

    out: str = ""
    result: Any = None
    error: list[str] = field(default_factory=list)


@pytest.fixture
def shell(tmp_path, monkeypatch):
    """Return a shell of IPython of its own, with the extension loaded, in an empty folder."""
    from IPython.core.interactiveshell import InteractiveShell

    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.chdir(tmp_path)
    main = types.ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", main)
    before = set(opening._open)
    made = InteractiveShell(user_module=main, user_ns=vars(main))
    made.history_manager.enabled = False
    made.run_line_magic("load_ext", "pforge_lab")
    yield made
    atexit.unregister(made.atexit_operations)
    made.atexit_operations()
    InteractiveShell.clear_instance()
    for place in set(opening._open) - before:
        state, _ = opening._open[place]
        while not state.closed:
            state.close()


@pytest.fixture
def cell(shell, capsys):
    """Return a function that executes a cell and returns what it left."""

    def execute(code: str) -> Cell:
        capsys.readouterr()
        done = shell.run_cell(code)
        shown = _ANSI.sub("", "".join(capsys.readouterr()))
        failed = done.error_before_exec or done.error_in_exec
        return Cell(shown, done.result, shown.rstrip().splitlines() if failed else [])

    return execute


@pytest.fixture(scope="module")
def kernel(tmp_path_factory):
    """Return a function that executes a cell in a real kernel, one for all tests of a module."""
    from jupyter_client.manager import KernelManager

    folder = tmp_path_factory.mktemp("kernel")
    home = tmp_path_factory.mktemp("jupyter")
    names = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "MPLCONFIGDIR")
    own = {name: str(home / name.lower()) for name in names}
    manager = KernelManager(kernel_name="python3")
    manager.kernel_spec_manager.ensure_native_kernel = True
    environment = {
        **os.environ,
        **own,
        "PFORGE_KEY": str(home / "key"),
        "JPY_SESSION_NAME": str(folder / "lab.ipynb"),
    }
    manager.start_kernel(cwd=str(folder), env=environment)
    client = manager.blocking_client()
    client.start_channels()
    client.wait_for_ready(timeout=60)

    def execute(code: str) -> Cell:
        left = Cell()

        def hook(message: dict[str, Any]) -> None:
            content = message["content"]
            if message["msg_type"] == "stream":
                left.out += content["text"]
            elif message["msg_type"] in ("execute_result", "display_data"):
                left.result = content["data"]
            elif message["msg_type"] == "error":
                left.error = [content["ename"], content["evalue"], *map(str, content["traceback"])]

        client.execute_interactive(code, output_hook=hook, timeout=120)
        return left

    execute.folder = folder
    execute.manager = manager
    execute.client = client
    yield execute
    client.stop_channels()
    manager.shutdown_kernel(now=True)


@pytest.fixture(scope="session")
def pipeline_cell():
    """Return a cell that makes a pipeline of functions of the notebook."""
    return """%%pforge pipeline sums
params:
  n: { type: integer, default: 3 }
steps:
  - { tool: load, input: { n: "{{ n }}" }, output_var: numbers }
  - { tool: total, input: { numbers: "{{ numbers }}" }, output_var: total }
  - { tool: twice, input: { total: "{{ total }}" }, output_var: twice }
"""


@pytest.fixture(scope="session")
def function_cell():
    """Return a cell that defines those functions."""
    return """
def load(n): return list(range(n))
def total(numbers): return sum(numbers)
def twice(total): return 2 * total
"""


@pytest.fixture
def lab(cell, function_cell, pipeline_cell):
    """Return the function that executes cells, with functions, a pipeline and a run that has not begun."""
    for code in (function_cell, pipeline_cell, "run = %pforge start -p n=4"):
        assert not cell(code).error
    return cell
