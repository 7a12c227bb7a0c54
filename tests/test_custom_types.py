"""Types that the user, or an installed package, says how to keep."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest

import pforge_lab as pf
from pforge_lab import custom_types
from pforge_lab.serialization import pack, unpack

GRIDS = """
import threading

class Grid:
    def __init__(self, cells):
        self.cells, self.lock = cells, threading.Lock()  # a lock cannot be pickled

def parts(grid):
    return {"cells": grid.cells}

def grid(parts):
    return Grid(parts["cells"])

class Point:
    def __init__(self, x):
        self.x = x
"""
WRITE = """
import numpy as np
import pforge_lab as pf
import grids

pf.register_type(grids.Grid, reduce=grids.parts, restore=grids.grid)
def grid(n): return grids.Grid(np.arange(n))
def point(n): return grids.Point(n)
run = pf.Pipeline.from_functions("p", grid, point).start({"n": 10_000}, state="lab.fs")
run.step(2)
"""


@pytest.fixture(autouse=True)
def _own_registry():
    """Leave the process as it was."""
    registries = (custom_types.FORMS, custom_types.LISTED, custom_types.LOOKED)
    before = [registry.copy() for registry in registries]
    for registry in registries:
        registry.clear()
    custom_types._points.cache_clear()
    yield
    custom_types._points.cache_clear()
    sys.modules.pop("grids", None)
    for registry, known in zip(registries, before, strict=True):
        registry.clear()
        registry.update(known)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return a folder with a module of types, which can be imported."""
    (tmp_path / "grids.py").write_text(textwrap.dedent(GRIDS), encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


@pytest.fixture
def grids(folder):
    """Return the module of types."""
    import grids

    return grids


@pytest.fixture
def theirs(folder, key):
    """Let somebody else write a run with values of these types; return its store, with our key in use."""
    subprocess.run([sys.executable, "-c", WRITE], cwd=folder, env=key("their key"), check=True)
    key("our key")
    return folder / "lab.fs"


@pytest.mark.parametrize("place", ["memory:", "lab.fs"])
def test_a_registered_type_is_kept(grids, tmp_path, place):
    """In a store in memory and in a file: restored it is a new value, made by the function that was named."""
    pf.register_type(grids.Grid, reduce=grids.parts, restore=grids.grid)

    def grid(n):
        return grids.Grid(np.arange(n))

    def doubled(grid):
        grid.cells *= 2

    pipeline = pf.Pipeline.from_functions("p", grid, doubled)
    run = pipeline.start({"n": 5}, state=place if place == "memory:" else str(tmp_path / place))
    run.finish()
    assert run.at(1)["grid"].cells.tolist() == [0, 1, 2, 3, 4]
    run.back()
    assert type(run["grid"]) is grids.Grid
    assert run["grid"].cells.tolist() == [0, 1, 2, 3, 4]
    run.state.close()


def test_arrays_of_a_registered_type_stay_out_of_the_stream(grids):
    pf.register_type(grids.Grid, reduce=grids.parts, restore=grids.grid)
    packed = pack(grids.Grid(np.arange(10_000)))
    assert len(packed.stream) < 1000
    assert [buffer.nbytes for buffer in packed.buffers] == [80_000]


def test_an_unregistered_type_of_somebody_else_is_refused_by_name(theirs):
    with pf.open_state(theirs, mode="r") as state, pytest.raises(pf.UntrustedData, match=r"grids\.grid,"):
        pf.open_run(state=state).at(1)["grid"]


def test_a_registered_type_of_somebody_else_loads(theirs, grids):
    """What the call names, and nothing else of its module."""
    pf.register_type(grids.Grid, reduce=grids.parts, restore=grids.grid)
    with pf.open_state(theirs, mode="r") as state:
        run = pf.open_run(state=state)
        assert run.at(1)["grid"].cells[-1] == 9_999
        with pytest.raises(pf.UntrustedData, match=r"grids\.Point,"):
            run.at(2)["point"]


def test_a_type_can_be_listed_as_it_pickles(theirs, grids):
    pf.register_type(grids.Point)
    with pf.open_state(theirs, mode="r") as state:
        assert pf.open_run(state=state).at(2)["point"].x == 10_000


@pytest.fixture
def package(folder):
    """Return a function that installs a package which registers the types by an entry point."""

    def install(code):
        (folder / "grids_plugin.py").write_text(textwrap.dedent(code), encoding="utf-8")
        info = folder / "grids_plugin-1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: grids-plugin\nVersion: 1\n")
        (info / "entry_points.txt").write_text("[pforge_lab.types]\ngrids = grids_plugin:register\n")

    yield install
    sys.modules.pop("grids_plugin", None)


PLUGIN = """
import pforge_lab as pf
import grids

def register():
    pf.register_type(grids.Grid, reduce=grids.parts, restore=grids.grid)
"""


def test_a_package_registers_its_types(package, grids):
    """By an entry point, which is loaded when a value of the package is first kept."""
    package(PLUGIN)
    pack([1, np.arange(3), threading.Event])
    assert "grids_plugin" not in sys.modules
    packed = pack(grids.Grid(np.arange(3)))
    assert unpack(packed.stream, packed.buffers, trusted=False).cells.tolist() == [0, 1, 2]


def test_types_of_a_package_load_from_somebody_else(package, theirs):
    """Also where the snapshot is the first that names them."""
    package(PLUGIN)
    with pf.open_state(theirs, mode="r") as state:
        assert pf.open_run(state=state).at(1)["grid"].cells[-1] == 9_999


def test_a_package_that_cannot_register_is_named(package, grids):
    package("def register(): raise ValueError('no')")
    with pytest.raises(pf.UsageError, match=r"types of 'grids' .*grids_plugin:register.*ValueError: no"):
        pack(grids.Grid(np.arange(3)))


def test_what_cannot_be_imported_by_name_is_refused(grids):
    with pytest.raises(pf.UsageError, match="both reduce= and restore="):
        pf.register_type(grids.Grid, reduce=grids.parts)
    with pytest.raises(pf.UsageError, match="cannot be imported by its name .*define it as a function"):
        pf.register_type(grids.Grid, reduce=grids.parts, restore=lambda parts: grids.Grid(**parts))
    with pytest.raises(pf.UsageError, match="takes a type, not 5"):
        pf.register_type(5)
