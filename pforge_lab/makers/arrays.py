"""NumPy's objects from data that nobody vouches for: dtypes, arrays and generators of random numbers.

Each function stands for one that a stream names, takes what the stream gives it, and makes the object
only if NumPy itself would: no bytes of the stream become addresses, and nothing reaches beyond its memory.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from pforge_lab import memory, pickler
from pforge_lab.makers.checks import exports_bytes, is_array, is_plain, require, untyped

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Array = np.ndarray[Any, Any]
_multiarray = untyped("numpy._core.multiarray")
_numeric, _internal = untyped("numpy._core.numeric"), untyped("numpy._core._internal")

_KINDS: tuple[type, ...] = (np.ndarray, np.recarray, np.matrix, np.char.chararray)
_GENERATORS = ("MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64")
_POOL = 64  # words of a seed; NumPy takes 4
_SEED = 1 << 16  # bits of a seed
_WORDS = {"Philox": 4, "MT19937": 624}  # words that a generator has made and not given out


def _size(shape: Any) -> int:
    sizes = (shape,) if isinstance(shape, int) else shape
    require(isinstance(sizes, tuple) and all(type(n) is int and n >= 0 for n in sizes), "a shape")
    return math.prod(sizes)


def is_sound(dtype: np.dtype[Any]) -> bool:
    """Return whether a NumPy dtype that was given a state is one that NumPy itself would make.

    The state may claim that fields hold no objects though they do, or that they are where no memory
    is: arrays of such a dtype take bytes of the stream for addresses.

    Examples
    --------
    >>> is_sound(np.dtype([("a", "f8"), ("b", "O")])), is_sound(np.dtype("M8[ns]"))
    (True, True)
    """
    try:
        again = _made_again(dtype)
    except (TypeError, ValueError):
        return False
    return (dtype.flags, dtype.itemsize) == (again.flags, again.itemsize)


def _made_again(dtype: np.dtype[Any]) -> np.dtype[Any]:
    if not type(dtype)._legacy:
        return dtype
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        return np.dtype((_sound(base), shape))
    if dtype.names is None:
        return np.dtype(dtype.str)
    known: Mapping[str, Any] = dtype.fields or {}
    fields = [known[name] for name in dtype.names]
    made = np.dtype(
        {
            "names": list(dtype.names),
            "formats": [_sound(field[0]) for field in fields],
            "offsets": [field[1] for field in fields],
            "titles": [field[2] if len(field) > 2 else None for field in fields],
            "itemsize": dtype.itemsize,
        },
        align=dtype.isalignedstruct,
    )
    return np.dtype((np.record, made)) if dtype.type is np.record else made


def _sound(dtype: Any) -> np.dtype[Any]:
    if not isinstance(dtype, np.dtype) or not is_sound(dtype):
        raise ValueError(dtype)
    return _made_again(dtype)


def made_dtype(arguments: Any, state: Any) -> np.dtype[Any]:
    """Return a dtype of its own, that nothing of the stream can change afterwards."""
    kind = arguments[0]
    require(type(kind) is str or kind is np.record, "a dtype")
    dtype = np.dtype(kind, copy=True)
    dtype.__setstate__(state)
    return _sound(dtype)


def made_array(arguments: Any, state: Any) -> Array:
    """Return an array of the bytes, or the list of objects, that its state holds."""
    kind = arguments[0]
    require(kind in _KINDS, "a kind of array")
    _, shape, dtype, _, data = state
    require(isinstance(dtype, np.dtype), "a dtype")
    if is_plain(dtype):
        require(type(data) in (bytes, str, bytearray), "the bytes of an array")
    else:  # numpy takes as many objects as the shape says from a list of any length
        require(type(data) is list and len(data) == _size(shape), "the objects of an array")
    made: Array = _multiarray._reconstruct(kind, (0,), b"b")
    made.__setstate__(state)
    if kind is np.char.chararray:
        require(made.dtype.kind in "SU", "an array of texts")
    return made


def from_buffer(buffer: Any, dtype: Any, shape: Any, order: str) -> Array:
    """Return an array over a buffer."""
    require(is_plain(dtype) and exports_bytes(buffer), "an array over memory")
    require(type(shape) is tuple and order in ("C", "F"), "a shape")
    made: Array = _numeric._frombuffer(buffer, dtype, shape, order)
    return made


def view(data: Any, offset: int, shape: Any, strides: Any, dtype: Any, writeable: bool) -> Array:  # noqa: PLR0917 - called by pickle, by position
    """Return a view of memory, all of which is inside."""
    require(is_plain(dtype) and exports_bytes(data), "a view of memory")
    _require_inside(data, offset, shape, strides, dtype)
    return memory.view(data, offset, shape, strides, dtype, writeable)


def view_of_objects(data: Any, offset: int, shape: Any, strides: Any, dtype: Any, writeable: bool) -> Array:  # noqa: PLR0917 - called by pickle, by position
    """Return a view of an array of objects, that takes them for nothing else."""
    require(is_array(data) and data.dtype.hasobject and data.dtype == dtype, "a view of objects")
    require(all(step % dtype.itemsize == 0 for step in (offset, *(strides or ()))), "a view of objects")
    _require_inside(data, offset, shape, strides, dtype)
    made: Array = memory.objects(data, offset, shape, strides, dtype, writeable)
    return made


def _require_inside(data: Any, offset: int, shape: Any, strides: Any, dtype: np.dtype[Any]) -> None:
    """NumPy looks too, in numbers that can overflow."""
    count = _size(shape)
    require(type(offset) is int and offset >= 0, "a view of memory")
    low = high = offset
    if strides is not None:
        require(type(strides) is tuple and len(strides) == len(shape), "a view of memory")
        require(all(type(step) is int for step in strides), "a view of memory")
        reach = [(size - 1) * step for size, step in zip(shape, strides, strict=True)]
        low, high = low + sum(n for n in reach if n < 0), high + sum(n for n in reach if n > 0)
    else:
        high += max(count - 1, 0) * dtype.itemsize
    size = data.nbytes if isinstance(data, np.ndarray) else memoryview(data).nbytes
    require(count == 0 or (low >= 0 and high + dtype.itemsize <= size), "a view of memory")


def datetimes(numbers: Any, dtype: Any) -> Array:
    """Return numbers as datetimes or timedeltas."""
    require(is_array(numbers) and numbers.dtype == np.int64 and type(dtype) is str, "an array of times")
    kind = np.dtype(dtype)
    require(kind.kind in "mM", "an array of times")
    return np.ndarray.view(numbers, kind)


def as_is(made: Any, writeable: Any) -> Array:
    """Return an array, that cannot be written to if it could not."""
    require(isinstance(made, np.ndarray), "an array")
    if not writeable:
        made.flags.writeable = False
    return made  # type: ignore[no-any-return]


def of_kind(kind: Any, made: Any) -> Array:
    """Return an array as one of another kind."""
    require(isinstance(kind, type) and issubclass(kind, np.ndarray) and is_array(made), "a kind of array")
    return np.ndarray.view(made, kind)


def memory_of(data: Any, code: Any, shape: Any, readonly: Any) -> memoryview:
    """Return a memoryview of bytes."""
    require(exports_bytes(data) and type(code) is str and type(shape) is tuple, "a memoryview")
    return pickler._memory_of(data, code, shape, readonly)  # type: ignore[no-any-return]


def masked(data: Any, mask: Any, fill_value: Any, *rest: Any) -> Any:
    """Return a masked array whose mask fits it."""
    require(is_array(data), "a masked array")
    if isinstance(mask, np.ndarray):
        require(mask.shape == data.shape and mask.dtype == np.ma.make_mask_descr(data.dtype), "a mask")
    else:
        require(isinstance(mask, (bool, np.bool)), "a mask")
    return pickler._masked(data, mask, fill_value, *rest)


def masked_constant() -> Any:
    """Return ``numpy.ma.masked``."""
    return np.ma.masked


def scalar(dtype: Any, data: Any) -> Any:
    """Return a number, or another element of an array, of its bytes."""
    require(is_plain(dtype) and type(data) is bytes and len(data) == dtype.itemsize, "a NumPy scalar")
    return _multiarray.scalar(dtype, data)


def made_seed(arguments: Any, state: Any) -> np.random.SeedSequence:
    """Return a seed, of what it was made of: what it holds beside follows from that."""
    require(arguments[0] is np.random.SeedSequence, "a seed")
    entropy, spawned, _, pool_size, spawn_key = state
    words = [*(entropy if isinstance(entropy, (list, tuple)) else [entropy]), *spawn_key, spawned]
    require(all(isinstance(word, int) and 0 <= word < 1 << _SEED for word in words), "a seed")
    require(len(words) <= _SEED and type(pool_size) is int and pool_size <= _POOL, "a seed")
    return np.random.SeedSequence(
        entropy, spawn_key=spawn_key, pool_size=pool_size, n_children_spawned=spawned
    )


def made_bit_generator(arguments: Any, state: Any) -> Any:
    """Return a source of random bits, that is where it was, and nowhere beyond what it has made."""
    kinds = [getattr(np.random, name) for name in _GENERATORS]
    require(arguments[0] in kinds, "a source of random bits")
    made = arguments[0]()
    values, seed = state
    require(seed is None or type(seed) is np.random.SeedSequence, "a seed")
    _require_position(type(made).__name__, values)
    made.__setstate__((values, seed))
    return made


def _require_position(name: str, values: Mapping[str, Any]) -> None:
    at = values["buffer_pos"] if name == "Philox" else values["state"]["pos"] if name == "MT19937" else 0
    require(type(at) is int and 0 <= at <= _WORDS.get(name, 0), "a source of random bits")
    inner = values["state"]
    words = [values.get("buffer"), *(inner.values() if isinstance(inner, dict) else [inner])]
    arrays = [each for each in words if isinstance(each, np.ndarray)]
    require(all(is_array(each, "u", 1) for each in arrays), "a source of random bits")


def generator(bits: Any) -> np.random.Generator:
    """Return a generator of random numbers."""
    require(isinstance(bits, np.random.BitGenerator), "a source of random bits")
    return np.random.Generator(bits)


def made_random_state(arguments: Any, state: Any) -> np.random.RandomState:
    """Return a generator of random numbers of the older kind."""
    require(type(arguments[0]) is np.random.MT19937, "a source of random bits")
    _require_position("MT19937", state)
    made = np.random.RandomState(arguments[0])
    made.set_state(state)
    return made


def string_dtype(coerce: Any, *na_object: Any) -> Any:
    """Return NumPy's dtype of texts."""
    function = _internal._convert_to_stringdtype_kwargs
    require(
        all(
            value is None or isinstance(value, (str, float)) or type(value).__name__ == "NAType"
            for value in na_object
        ),
        "a dtype",
    )
    return function(coerce, *na_object)


_pickle = untyped("numpy.random._pickle")
_seeds = untyped("numpy.random.bit_generator")
BUILDS: dict[Any, Callable[[Any, Any], Any]] = {
    np.dtype: made_dtype,
    _multiarray._reconstruct: made_array,
    _pickle.__bit_generator_ctor: made_bit_generator,
    _pickle.__randomstate_ctor: made_random_state,
    _seeds.__pyx_unpickle_SeedSequence: made_seed,
}
CALLS: dict[Any, Callable[..., Any]] = {
    _multiarray.scalar: scalar,
    _numeric._frombuffer: from_buffer,
    _internal._convert_to_stringdtype_kwargs: string_dtype,
    np.ma.core.MaskedConstant: masked_constant,
    _pickle.__generator_ctor: generator,
    memory.objects: view_of_objects,
    memory.view: view,
    pickler._as_is: as_is,
    pickler._datetimes: datetimes,
    pickler._masked: masked,
    pickler._memory_of: memory_of,
    pickler._of_kind: of_kind,
}
