"""Objects to a pickle-5 stream with out-of-band buffers, and back, safely.

This is the only place of the project that unpickles what a store holds. A stream whose
signature is valid (see `pforge_lab.trust`) loads fully; any other loads through
`SafeUnpickler`, which builds nothing beyond the safe list.
"""

from __future__ import annotations

import io
import pickle
import types
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cloudpickle
import numpy as np

from pforge_lab.errors import UntrustedData
from pforge_lab.safelist import REPLACED, is_safe

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

IN_BAND = 4096  # smaller buffers stay in the stream: a chunk of their own costs more than it saves

# What two variables may share without anybody being able to tell: it cannot be changed in place
_UNALIASED = (
    *(str, bytes, int, float, complex, bool, type(None), tuple, frozenset, type, range, slice),
    *(types.BuiltinFunctionType, types.ModuleType, np.dtype, np.generic, pickle.PickleBuffer),
)
_UNALIASED_ROOTS = frozenset(("datetime", "decimal", "fractions", "pathlib", "pyarrow", "uuid", "zoneinfo"))
_UNALIASED_PANDAS = ("Array", "Dtype", "Index", "Type")


@dataclass(frozen=True, slots=True)
class Packed:
    """An object as a pickle stream and the buffers beside it.

    Attributes
    ----------
    stream
        Pickle protocol 5, without the buffers.
    buffers
        Views of the object's own memory, not copies: valid while the object lives unchanged.
    shared
        Identities of the mutable objects inside, with the objects, so that two variables
        that hold the same one can be told.
    """

    stream: bytes
    buffers: tuple[memoryview, ...]
    shared: dict[int, object]

    @property
    def nbytes(self) -> int:
        """Bytes of the stream and of all buffers."""
        return len(self.stream) + sum(buffer.nbytes for buffer in self.buffers)


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc] # cloudpickle is untyped
    """cloudpickle, with two things put right.

    Datetime arrays go out of band although their dtype does not export a buffer. Frames that share
    a block copy-on-write come back independent: pandas does not pickle who shares what, so that a
    shared array would come back as one that a write through either frame changes in both.
    """

    def reducer_override(self, obj: Any) -> Any:
        kind = type(obj)
        if kind is np.ndarray:
            if obj.dtype.kind in "mM" and (obj.flags.c_contiguous or obj.flags.f_contiguous):
                return _datetime_array, (obj.view(np.int64), obj.dtype.str)
        elif kind.__module__ == "pandas.core.internals.blocks":
            rebuild, (values, *rest) = obj.__reduce__()
            return rebuild, (_own(values), *rest)
        return super().reducer_override(obj)


def _own(values: Any) -> Any:
    """Return the same data as an object that no other block holds."""
    own = values.view()
    if hasattr(own, "_ndarray"):  # datetimes, categories and the like wrap an array
        own = own._from_backing_data(own._ndarray.view())  # noqa: SLF001 - pandas has no public way
    return own


def _datetime_array(numbers: np.ndarray[Any, Any], dtype: str) -> np.ndarray[Any, Any]:
    return numbers.view(dtype)


def pack(value: object, *, in_band: bool = False) -> Packed:
    """Serialise ``value``: pickle protocol 5 with large buffers left where they are.

    Functions, lambdas and classes of the notebook go along by value (cloudpickle); everything
    else by reference to its module.

    Parameters
    ----------
    value
        Any object.
    in_band
        Copy buffers into the stream, which then stands alone.

    Raises
    ------
    TypeError, pickle.PicklingError, ...
        Whatever the object's own reduction raises when it cannot be serialised.

    Notes
    -----
    Buffers of 4 KiB and more are not copied: an array of 100 MB costs some microseconds.
    Python objects cost about 1 s for 4 million.

    Examples
    --------
    >>> packed = pack({"x": np.arange(100_000)})
    >>> len(packed.stream) < 1000, packed.buffers[0].nbytes
    (True, 800000)
    >>> unpack(packed.stream, packed.buffers, trusted=False)["x"][-1]
    np.int64(99999)
    """
    buffers: list[memoryview] = []

    def keep(buffer: pickle.PickleBuffer) -> bool:
        try:
            raw = buffer.raw()
        except BufferError:  # not contiguous: pickle copies it into the stream
            return True
        if raw.nbytes < IN_BAND:
            return True
        buffers.append(raw)
        return False

    file = io.BytesIO()
    pickler = _Pickler(file, protocol=5, buffer_callback=None if in_band else keep)
    pickler.dump(value)
    met = [entry[1] for entry in pickler.memo.copy().values()]
    common = {id(getattr(type(obj), "_metadata", None)) for obj in met}  # of pandas: one list a class
    shared = {id(obj): obj for obj in met if id(obj) not in common and _aliasable(obj)}
    return Packed(file.getvalue(), tuple(buffers), shared)


def _aliasable(obj: object) -> bool:
    if isinstance(obj, _UNALIASED):
        return False
    kind = type(obj)
    root = kind.__module__.partition(".")[0]
    if kind.__name__.endswith(
        ("function", "method")
    ):  # of Python, of Cython: those of modules go by reference
        return getattr(obj, "__module__", None) == "__main__"
    if root == "pandas":
        return not kind.__name__.endswith(_UNALIASED_PANDAS)
    return root not in _UNALIASED_ROOTS


def unpack(
    stream: bytes,
    buffers: Iterable[Any] = (),
    *,
    trusted: bool,
    trust: Collection[str] = (),
) -> Any:
    """Rebuild what `pack` serialised.

    Parameters
    ----------
    stream
        The pickle stream.
    buffers
        Its buffers in order; writable ones give writable arrays.
    trusted
        True loads everything the stream names: only for streams whose signature is valid.
    trust
        Further names the user trusts, as ``module.name`` or ``module.*``.

    Raises
    ------
    UntrustedData
        The stream names a class or function beyond the safe list. Nothing of it was executed.

    Examples
    --------
    >>> import os
    >>> unpack(pickle.dumps(os.system), trusted=False)
    Traceback (most recent call last):
        ...
    pforge_lab.errors.UntrustedData: the data names posix.system, which is not on the safe list; ...
    """
    if trusted:
        return pickle.loads(stream, buffers=buffers)  # noqa: S301 - the signature says who wrote it
    return SafeUnpickler(stream, buffers, trust).load()


class SafeUnpickler(pickle.Unpickler):
    """An unpickler that builds only what is on the safe list, and what the user adds to it."""

    def __init__(self, stream: bytes, buffers: Iterable[Any] = (), trust: Collection[str] = ()) -> None:
        super().__init__(io.BytesIO(stream), buffers=buffers)
        self._trust = frozenset(trust)

    def find_class(self, module: str, name: str) -> Any:
        """Return the class or function of that name, if it is safe to call with any argument."""
        if f"{module}.{name}" in self._trust or f"{module}.*" in self._trust:
            return super().find_class(module, name)
        if is_safe(module, name):
            return REPLACED.get((module, name)) or super().find_class(module, name)
        raise UntrustedData(
            f"the data names {module}.{name}, which is not on the safe list; if you trust who wrote it, "
            f"pass trust=[{f'{module}.{name}'!r}]",
            name=f"{module}.{name}",
        )
