"""What is not on the safe list: refused and named, with nothing executed and no memory out of proportion."""

from __future__ import annotations

import collections
import dataclasses
import enum
import os
import pathlib
import pickle
import subprocess
import sys
import textwrap

import numpy as np
import pandas as pd
import pytest

import pforge_lab as pf
from pforge_lab.makers.arrays import is_sound
from pforge_lab.safelist import is_safe
from pforge_lab.serialization import pack, unpack
from pforge_lab.stream_names import names_in


@dataclasses.dataclass
class Point:
    """A class of a module."""

    x: int


class Colour(enum.Enum):
    """An enumeration of a module."""

    RED = 1


def test_own_classes_need_trust():
    for value in (Point(1), Colour.RED):
        stream = pack(value).stream
        name = f"{type(value).__module__}.{type(value).__qualname__}"
        with pytest.raises(pf.UntrustedData, match="not on the safe list") as caught:
            unpack(stream, trusted=False)
        assert caught.value.name == name
        assert f"trust=[{name!r}]" in str(caught.value)
        assert unpack(stream, trusted=True) == value
        assert unpack(stream, trusted=False, trust=[name]) == value
        assert unpack(stream, trusted=False, trust=[f"{type(value).__module__}.*"]) == value


def test_trusting_a_module_does_not_trust_what_it_imports():
    """Here, os and subprocess are imported."""
    module = __name__.encode()
    for name in (b"os.system", b"subprocess.run", b"os"):
        stream = (
            b"\x80\x04\x8c" + bytes([len(module)]) + module + b"\x8c" + bytes([len(name)]) + name + b"\x93."
        )
        with pytest.raises(pf.UntrustedData, match="does not define it"):
            unpack(stream, trusted=False, trust=[f"{__name__}.*"])


class Reduced:
    """Pickles as a call of anything."""

    def __init__(self, *call):
        self.call = call

    def __reduce__(self):
        return self.call


def named(module, name):
    """Return a stream that names something, whether it is there or not."""
    return pickle.PROTO + b"\x04" + b"c" + f"{module}\n{name}\n".encode() + b"."


def state_of(module, name, key, value=b"K\x01"):
    """Return a stream that sets an attribute of what it names."""
    set_it = b"N}\x8c" + bytes([len(key)]) + key.encode() + value + b"s\x86b"
    return b"\x80\x04c" + f"{module}\n{name}\n".encode() + set_it + b"."


def forged_dtype(flags=0, fields=None, size=8):
    """Return a stream of an array whose dtype denies that it holds objects, or is where no memory is."""
    _, call, state = np.dtype([("o", "O")]).__reduce__()
    state = (*state[:4], fields or state[4], size, state[6], flags)
    dtype = Reduced(np.dtype, call, state)
    array = Reduced(
        np._core.multiarray._reconstruct, (np.ndarray, (0,), b"b"), (1, (1,), dtype, False, b"A" * size)
    )
    return pickle.dumps(array)


MARK = "os.environ.__setitem__('PFORGE_HOSTILE', '1')"


HOSTILE = {
    "system": pickle.dumps(Reduced(os.system, ("touch executed",))),
    "posix": named("posix", "system"),
    "eval": pickle.dumps(Reduced(eval, (MARK,))),
    "exec": pickle.dumps(Reduced(exec, (MARK,))),
    "import": named("builtins", "__import__"),
    "importlib": named("importlib", "import_module"),
    "a module beside it": named("hostile", "anything"),
    "popen": pickle.dumps(Reduced(subprocess.Popen, (["touch", "executed"],))),
    "getattr of a module": pickle.dumps([Reduced(getattr, (pathlib.Path, "unlink"))]),
    "getattr of a class": pickle.dumps(Reduced(getattr, ("", "__class__"))),
    "setattr": pickle.dumps(Reduced(setattr, (Point, "x", 1))),
    "dotted": b"\x80\x04\x8c\x06pandas\x8c\x13io.common.os.system\x93.",
    "a method of a safe class": b"\x80\x04\x8c\x06pandas\x8c\x11DataFrame.to_pickle\x93.",
    "type": pickle.dumps(Reduced(type, ("X", (), {}))),
    "nested": pickle.dumps({"a": [np.arange(3), {"b": Reduced(os.system, ("touch executed",))}]}),
    "in a frame": pickle.dumps(pd.DataFrame({"o": [Reduced(os.system, ("touch executed",))]})),
    "in an object array": pickle.dumps(np.array([Reduced(os.system, ("touch executed",))], dtype=object)),
    "as a key": pickle.dumps(collections.OrderedDict([(1, Reduced(eval, (MARK,)))])),
    "as a default factory": pickle.dumps(collections.defaultdict(os.getcwd)),
    "numpy load": named("numpy", "load"),
    "numpy runstring": named("numpy.testing._private.utils", "runstring"),
    "numpy f2py": named("numpy.f2py", "compile"),
    "numpy vectorize": named("numpy", "vectorize"),
    "numpy frompyfunc": named("numpy", "frompyfunc"),
    "numpy memmap": named("numpy", "memmap"),
    "pandas read_pickle": named("pandas", "read_pickle"),
    "pandas eval": named("pandas", "eval"),
    "pandas query": named("pandas.core.computation.eval", "eval"),
    "pandas to_datetime": named("pandas", "to_datetime"),
    "polars deserialize": named("polars", "LazyFrame"),
    "arrow filesystem": named("pyarrow.fs", "LocalFileSystem"),
    "arrow mmap": named("pyarrow", "memory_map"),
    "functools partial": named("functools", "partial"),
    "operator": named("operator", "methodcaller"),
    "cloudpickle": pack(lambda: os.system("touch executed")).stream,
    "code": named("types", "CodeType"),
    "function": named("types", "FunctionType"),
    "ctypes": named("ctypes", "CDLL"),
    "copyreg": named("copyreg", "__newobj__"),
    "weird module": named("pforge_lab.serialization", "pickle.loads"),
    "our own helper": named("pforge_lab.runs.functions", "restore"),
    "a class is changed": state_of("pathlib", "Path", "polluted"),
    "a pandas class is changed": state_of("pandas", "Index", "polluted"),
    "a function is changed": state_of("pforge_lab.memory", "view", "__defaults__", b")"),
    "a dtype that denies its objects": forged_dtype(),
    "a field that is where no memory is": forged_dtype(0, {"o": (np.dtype("i8"), 4096)}),
    "persistent": b"\x80\x04\x8c\x01xQ.",
    "extension": b"\x80\x04\x82\x01.",
    "nonsense": b"nonsense",
    "cut short": pickle.dumps([1, 2, 3])[:-4],
    "an empty stack": b"\x80\x04R.",
    "out-of-band buffers that are not there": pickle.dumps(
        np.arange(10_000), protocol=5, buffer_callback=lambda buffer: None
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_hostile_data_are_refused(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hostile.py").write_text("import os; open('executed', 'w').close()", encoding="utf-8")
    with pytest.raises(pf.UntrustedData) as caught:
        unpack(HOSTILE[name], trusted=False)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "executed").exists()
    assert "PFORGE_HOSTILE" not in os.environ
    assert not hasattr(pathlib.Path, "polluted")
    assert not hasattr(pd.Index, "polluted")


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_what_is_refused_by_name_is_listed_by_name(name):
    """Whoever looks before trusting sees what the refusal would name, or that there is more to it."""
    with pytest.raises(pf.UntrustedData) as caught:
        unpack(HOSTILE[name], trusted=False)
    names, wrong = names_in(HOSTILE[name])
    assert names or wrong
    if "is not on the safe list" in str(caught.value) and "attribute" not in str(caught.value):
        assert caught.value.name in {".".join(pair) for pair in names}


@pytest.mark.parametrize(
    "value",
    [
        [1, "a", None, b"b", {"c": (1.5, True)}, {1, 2}, frozenset([3])],
        pd.DataFrame(
            {
                "a": pd.date_range("2026", periods=3),
                "b": ["x", "y", None],
                "c": pd.Categorical(["a", "b", "a"]),
            }
        ),
        np.arange(10_000),
        collections.OrderedDict(a=collections.Counter("aab")),
    ],
    ids=lambda value: type(value).__name__,
)
def test_names_of_any_value_are_read_to_the_end(value):
    """Nothing of a value that may be loaded is missing from the list."""
    names, wrong = names_in(pack(value).stream)
    assert wrong == ""
    assert all(is_safe(*pair) for pair in names)


def test_hostile_data_execute_nothing_that_python_would_tell_of(tmp_path):
    """In a process of its own, whose audit hook hears of every call that opens, imports, compiles or starts."""
    (tmp_path / "corpus").write_bytes(pickle.dumps(HOSTILE))
    code = """
    import pathlib, pickle, sys
    from pforge_lab import UntrustedData
    from pforge_lab.custom_types import is_registered
    from pforge_lab.makers import arrays, arrow, frames, polars, times, values
    from pforge_lab.serialization import unpack
    from pforge_lab.stream_names import names_in
    corpus = pickle.loads(pathlib.Path("corpus").read_bytes())
    is_registered("a.package", "name")  # lists, once, which installed packages register types
    heard = []
    FORBIDDEN = ("open", "exec", "import", "compile", "os.", "subprocess.", "socket.", "ctypes.", "shutil.")
    def hook(event, arguments):
        if heard is not None and event.startswith(FORBIDDEN) and "/proc/self/statm" not in str(arguments):
            heard.append((event, str(arguments)[:80]))
    sys.addaudithook(hook)
    for name, stream in corpus.items():
        names_in(stream)
        try:
            unpack(stream, trusted=False)
        except UntrustedData:
            pass
        else:
            heard.append(name)
    told, heard = heard, None
    print(told)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout == "[]\n", done.stdout + done.stderr


@pytest.mark.parametrize(
    "dtype", ["f8", "<U3", "O", ">i4", "M8[ns]", [("a", "f8"), ("b", "O")], [("p", "f4", (2, 3))]]
)
def test_dtypes_of_numpy_are_sound(dtype):
    assert is_sound(np.dtype(dtype))


BOMBS = {
    "a terabyte that is not there": b"\x80\x05\x96" + (10**12).to_bytes(8, "little") + b".",
}


@pytest.mark.skipif(sys.platform != "linux", reason="memory is bounded on Linux only")
@pytest.mark.parametrize("name", BOMBS)
def test_data_that_ask_for_memory_out_of_proportion_are_refused(name):
    """A few bytes that are not signed cannot take the memory of the machine; the bound is gone afterwards."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_AS)
    with pytest.raises(pf.UntrustedData, match="memory|exhausted|truncated"):
        unpack(BOMBS[name], trusted=False)
    assert resource.getrlimit(resource.RLIMIT_AS) == before
