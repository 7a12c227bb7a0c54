"""What only the process that made it finds by its name: it comes back in another one, or it is not kept."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import types
from urllib.parse import urlsplit

import pytest

from pforge_lab.serialization import pack, unpack

MADE = """
import functools
from typing import Callable, Generic, NewType, Optional, ParamSpec, Required, TypedDict, TypeVar, TypeVarTuple

calls = []

@functools.lru_cache(maxsize=5, typed=True)
def squared(x):
    "Squares."
    return x * x
squared(3)
squared.unit = "m"

class Box:
    @functools.cache
    def size(self):
        return 7
box = Box()

class Lazy:
    side = 3
    @functools.cached_property
    def area(self):
        return self.side ** 2

def within():
    @functools.cache
    def doubled(x):
        return 2 * x
    return doubled
doubled = within()
length = functools.cache(len)
thirty = functools.partial(squared, 30)

UserId = NewType("UserId", int)
maybe = Optional[UserId]
T = TypeVar("T")
P = ParamSpec("P", bound=int)
Ts = TypeVarTuple("Ts")
takes = Callable[P, T]
class Of(Generic[P]):
    pass

class Point(TypedDict):
    "A point."
    x: Required[int]
    owner: "Point"
class Named(Point, total=False):
    name: str
class Pair(TypedDict, Generic[T]):
    left: T
pair = Pair[int]

class Single:
    def __reduce__(self):
        return "single"
single = Single()
"""

BACK = {
    "squared": "(x(4), x.__name__, x.__doc__, x.unit, x.cache_info())",
    "box": "x.size()",
    "Lazy": "x().area",
    "doubled": "x(2), x.cache_info().misses",
    "length": "x('abc')",
    "thirty": "x()",
    "UserId": "(x, x(3), x.__supertype__, x.__module__)",
    "maybe": "x",
    "P": "(x, x.__bound__, x.__module__)",
    "Ts": "(x, x.__module__)",
    "takes": "x",
    "Of": "(x, x.__parameters__)",
    "Point": "(x, x(x=1), x.__annotations__, x.__total__, sorted(x.__required_keys__), x.__doc__)",
    "Named": "(sorted(x.__annotations__), sorted(x.__required_keys__), sorted(x.__optional_keys__), x.__total__)",
    "pair": "(x, x.__origin__.__parameters__)",
}
"""What is looked at of each."""

LOADS = """
import json, sys
from pforge_lab.serialization import unpack
for name, (stream, look) in json.load(sys.stdin).items():
    print(repr(eval(look, {"x": unpack(bytes.fromhex(stream), trusted=True)})))
"""


@pytest.fixture(scope="module")
def made():
    """Return variables as a notebook makes them."""
    main = sys.modules["__main__"]
    try:
        sys.modules["__main__"] = module = types.ModuleType("__main__")
        exec(MADE, vars(module))
        yield vars(module)
    finally:
        sys.modules["__main__"] = main


@pytest.fixture(scope="module")
def loaded(made):
    """Return what another process sees of each variable."""
    given = {
        name: (pack(made[name], in_band=True, here=True).stream.hex(), look) for name, look in BACK.items()
    }
    done = subprocess.run(
        [sys.executable, "-c", LOADS], input=json.dumps(given), capture_output=True, text=True, check=True
    )
    return dict(zip(BACK, done.stdout.splitlines(), strict=True))


@pytest.mark.parametrize("name", BACK)
def test_comes_back_in_another_process(name, made, loaded):
    """A function with a cache begins with an empty one."""
    x = made[name]
    if hasattr(x, "cache_clear"):
        x.cache_clear()
    assert loaded[name] == repr(eval(BACK[name], {"x": x}))


@pytest.mark.parametrize("name", BACK)
def test_its_stream_is_the_same_after_it_was_used(name, made):
    before = pack(made[name], here=True).stream
    eval(BACK[name], {"x": made[name]})
    assert pack(made[name], here=True).stream == before


def test_what_nothing_tells_how_to_make_is_refused_when_it_is_kept(made):
    with pytest.raises(
        pickle.PicklingError, match="cannot pickle Single 'single': only this process finds it by name"
    ):
        pack(made["single"], here=True)


def test_what_a_module_has_is_looked_for_there():
    """As the cache of a library, which another process shares with that library."""
    assert unpack(pack(urlsplit, here=True).stream, trusted=True) is urlsplit


def test_a_typed_dict_has_the_same_stream_in_every_process():
    """Else it would count as changed by the first cell after the notebook was resumed."""
    code = """
from typing import TypedDict
from pforge_lab.serialization import pack
print(pack(TypedDict("Point", {name: int for name in "abcdefgh"}), here=True).stream.hex())
"""
    streams = [
        subprocess.check_output([sys.executable, "-c", code], env=os.environ | {"PYTHONHASHSEED": seed})
        for seed in ("1", "2")
    ]
    assert streams[0] == streams[1]
