"""Programs and data that tests need beside Python packages."""

from __future__ import annotations

import importlib
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

if TYPE_CHECKING:
    from types import ModuleType

POSTGRESQL = Path("/usr/lib/postgresql")  # where Debian keeps the programs that are on no path


def need(*names: str) -> str:
    """Return where the first of these programs that is installed is; else skip the test, or fail if nothing may be skipped."""
    places = os.pathsep.join(
        [os.environ.get("PATH", os.defpath), *map(str, sorted(POSTGRESQL.glob("*/bin")))]
    )
    found = next(filter(None, (shutil.which(name, path=places) for name in names)), None)
    return found if found is not None else missing(names[0])


def module(name: str) -> ModuleType:
    """Import a module that comes with an extra; else skip the test, or fail if nothing may be skipped."""
    try:
        return importlib.import_module(name)
    except ImportError:
        missing(f"the module {name}", "make setup")


def missing(what: str, bringer: str = "make system") -> NoReturn:
    """Skip the test for want of something, or fail if nothing may be skipped."""
    if os.environ.get("PFORGE_REQUIRE_ALL") == "1":
        pytest.fail(f"{what} is not installed, and PFORGE_REQUIRE_ALL=1")
    pytest.skip(f"{what} is not installed; `{bringer}` installs it")
