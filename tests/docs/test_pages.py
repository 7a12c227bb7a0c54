"""What the pages say happens: every block of code in them is executed, page by page, in an empty folder."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from contextlib import suppress
from doctest import ELLIPSIS, NORMALIZE_WHITESPACE
from pathlib import Path
from unittest import SkipTest

import pytest
from jupyter_client.manager import start_new_kernel
from sybil import Sybil
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser, SkipParser

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    *sorted(
        page
        for page in (ROOT / "docs").rglob("*.md")
        if not {"_build", "notebooks"} & set(page.parts) and page.name not in {"yaml.md", "commands.md"}
    ),
]


def shell(example) -> str | None:
    """Execute the lines of a block as a script of a shell that stops at the first error."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", example.parsed],
        env=os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip
    return None if done.returncode == 0 else f"exit code {done.returncode}:\n{done.stdout}{done.stderr}"


def written(example) -> None:
    """Put a YAML block whose first line names a file into that file."""
    name = re.match(r"# (\S+\.yaml)\n", str(example.parsed))
    assert name, "a YAML block starts with '# NAME.yaml'"
    Path(name[1]).write_text(str(example.parsed), encoding="utf-8")


def cell(example) -> str | None:
    """Execute a block as a cell of a notebook that stands beside those of the page, or else the lessons."""
    if KERNEL not in example.namespace:
        beside = "." if any(Path().glob("*.ipynb")) else "notebooks"
        example.namespace[KERNEL] = start_new_kernel(cwd=beside)
    _, client = example.namespace[KERNEL]
    lines: list[str] = []

    def heard(message) -> None:
        lines.extend(message["content"].get("traceback", ()))

    reply = client.execute_interactive(example.parsed, output_hook=heard, timeout=240)
    return None if reply["content"]["status"] == "ok" else "\n".join(lines)


KERNEL = "the kernel of this page"
BOOK = Sybil(
    parsers=[
        SkipParser(),
        PythonCodeBlockParser(doctest_optionflags=ELLIPSIS | NORMALIZE_WHITESPACE),
        CodeBlockParser("sh", shell),
        CodeBlockParser("yaml", written),
        CodeBlockParser("ipython", cell),
    ]
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_block_of_a_page_does_what_the_page_says(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    shutil.copytree(ROOT / "notebooks", "notebooks", ignore=shutil.ignore_patterns(".*"))
    monkeypatch.syspath_prepend("notebooks")  # a notebook has its own folder there
    document = BOOK.parse(page)
    try:
        for example in document.examples():
            with suppress(SkipTest):  # the page says why
                example.evaluate()
    finally:
        for part in reversed(document.namespace.get(KERNEL, ())):
            part.stop_channels() if hasattr(part, "stop_channels") else part.shutdown_kernel(now=True)
    for store in list(document.namespace.values()):
        if hasattr(store, "close") and type(store).__module__.startswith("pforge_lab"):
            store.close()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_block_of_a_page_is_passed_by(page):
    """Each is executed, or is text, or is for Sphinx; one that is skipped says why."""
    lines = page.read_text(encoding="utf-8").splitlines()
    fences = [line.strip() for line in lines if line.lstrip().startswith(("```", "~~~", ":::"))]
    for opened, closed in zip(fences[::2], fences[1::2], strict=True):
        assert re.fullmatch(r"```(python|sh|yaml|ipython|text|\{[\w-]+\}.*)", opened)
        assert closed == "```"
    skips = [line for line in lines if "skip:" in line]
    assert all(re.fullmatch(r'<!--- skip: next ".{10,}" -->', line) for line in skips)
