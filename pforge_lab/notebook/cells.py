"""Cells: YAML that becomes the current pipeline, functions that become tools."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pforge_lab.errors import UsageError
from pforge_lab.pipeline.loader import loads
from pforge_lab.pipeline.spec import Pipeline
from pforge_lab.pipeline.tools import tool

if TYPE_CHECKING:
    from pforge_lab.cli.session import Session


def pipeline_cell(session: Session, name: str, cell: str) -> Pipeline:
    """Make the YAML of a cell the current pipeline, under a name.

    Raises
    ------
    SpecError
        The YAML is wrong; lines count from the cell's first line below ``%%pforge``.
    """
    loaded = loads(cell, filename="<cell>", base_dir=Path.cwd(), name=name)
    if not isinstance(loaded, Pipeline):
        raise UsageError("the cell holds a forge with many tools; put it in a file and use %pforge load FILE")
    session.pipelines[name] = session.pipeline = loaded
    return loaded


def tool_cell(session: Session, shell: Any, cell: str) -> None:
    """Execute a cell in the notebook and make each function it defines a tool."""
    source = shell.transform_cell(cell)  # magics and shell commands are Python from here on
    file = shell.compile.cache(source, shell.execution_count, raw_code=cell)  # for tracebacks and getsource
    tree = ast.parse(source, filename=file)
    names = [node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    if not names:
        raise UsageError("the cell defines no function")
    exec(compile(tree, file, "exec"), shell.user_ns)  # noqa: S102 - the user's own cell
    for name in names:
        function = (session.namespace or {})[name]
        if not hasattr(function, "__pforge_tool__"):
            tool(function)
