"""All benchmarks, one after the other: ``make bench``. Ratios hold within one run; nothing is asserted.

What they print is shown, and written to ``docs/benchmarks.md`` with the machine, the date and the versions.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tests.benchmarks._kishu import KISHU

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "benchmarks.md"
GROWTH = "![Time as steps, keys and bytes grow](images/growth.svg)"
PEERS = (
    *("ZODB", "RelStorage", "redis", "diskcache", "lmdb", "sqlitedict", "apache-burr", "langgraph"),
    *("langgraph-checkpoint-sqlite", "pipefunc", "apache-hamilton", "dask", "dill", "papermill"),
    *("memray", "memory-profiler", "pympler", "psutil"),
    *("numpy", "pandas", "pyarrow"),
)


def told(script: Path) -> tuple[str, int]:
    """Execute a script, show what it prints as it comes, and return it with the exit code."""
    lines = []
    command = [sys.executable, "-m", f"tests.benchmarks.{script.stem}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=HERE.parents[1]) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            lines.append(line)
    return "".join(lines).strip(), process.returncode


def where() -> str:
    """Return date, machine and versions as one paragraph."""
    found = []
    for name in PEERS:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"{name} not installed")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    found.append(KISHU.replace("==", " "))  # in a Python of its own
    kernel = ".".join(platform.release().split(".")[:2])  # what follows tells of this machine alone
    machine = f"{os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()} {kernel}, {platform.machine()}"
    return f"{datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}, {machine}. {', '.join(found)}."


def main() -> int:
    """Run every script of this folder, write the page as it grows, and return the highest exit code."""
    worst, parts = 0, ["# Benchmarks", "Written by `make bench`.", where()]
    scripts = sorted(HERE.glob("[a-z]*.py"), key=lambda script: (script.stem == "growth", script.stem))
    for number, script in enumerate(scripts, start=1):
        print(f"\n== {script.stem} ==", flush=True)
        text, code = told(script)
        worst = max(worst, code)
        failed = f"\n(ended with exit code {code})" if code else ""
        parts.append(f"## {script.stem.capitalize()}\n\n```text\n{text}{failed}\n```")
        left = ", ".join(each.stem for each in scripts[number:])
        end = f"Not run this time: {left}." if left else GROWTH
        PAGE.write_text("\n\n".join([*parts, end]) + "\n", encoding="utf-8")
    print(f"\n{PAGE}")
    return worst


if __name__ == "__main__":
    sys.exit(main())
