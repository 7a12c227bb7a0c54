"""Objects to a pickle-5 stream with out-of-band buffers, and back, safely.

This is the only place of the project that unpickles what a store holds. A stream whose
signature is valid (see `pforge_lab.trust`) loads fully; any other loads through
`pforge_lab.unpickler`, which builds nothing beyond the safe list.
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pforge_lab import memory
from pforge_lab.allowance import allowed
from pforge_lab.errors import PforgeError, UntrustedData
from pforge_lab.frames import unframed
from pforge_lab.pickler import Pickler
from pforge_lab.quick import quickly_made
from pforge_lab.unpickler import SafeUnpickler

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Iterable, Mapping

# Bytes that data nobody vouches for may ask for: so many, and times their own
_GENEROUS, _TIMES = 4 << 30, 16


@quickly_made
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
        Identities of the mutable objects and of the memory inside, so that two variables that hold the
        same one can be told, with what keeps them alive.
    blocks
        Identities of the memory of frames: another frame that has the same copies it on write, an array does not.
    """

    stream: bytes
    buffers: tuple[memoryview, ...]
    shared: dict[Hashable, object]
    blocks: frozenset[Hashable] = frozenset()

    @property
    def nbytes(self) -> int:
        """Bytes of the stream and of all buffers."""
        return len(self.stream) + sum(buffer.nbytes for buffer in self.buffers)


def pack(value: object, *, in_band: bool = False, here: bool = False) -> Packed:
    """Serialise ``value``: pickle protocol 5 with large buffers left where they are.

    Functions, lambdas and classes of the notebook go along by value (cloudpickle); everything
    else by reference to its module. Arrays that are views of one memory come back as views of one
    memory; frames that share a block copy-on-write come back independent, as they behave.

    Parameters
    ----------
    value
        Any object.
    in_band
        Copy buffers into the stream, which then stands alone.
    here
        Functions of the notebook leave its variables behind, and read those of the notebook they are
        rebuilt in.

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
    >>> import numpy as np
    >>> packed = pack({"x": np.arange(100_000)})
    >>> len(packed.stream) < 1000, packed.buffers[0].nbytes
    (True, 800000)
    >>> unpack(packed.stream, packed.buffers, trusted=False)["x"][-1]
    np.int64(99999)
    """
    first = _pickled(value, {}, in_band=in_band, here=here)
    shared = first.objects()
    overlapping = memory.overlapping(first.arrays, first.blocks, shared.keys())
    pickler = _pickled(value, overlapping, in_band=in_band, here=here) if overlapping else first
    shared |= {memory.identity(array): array for array in first.arrays if array.size}
    blocks = frozenset(map(memory.identity, first.blocks))
    return Packed(unframed(pickler.file.getvalue()), tuple(pickler.buffers), shared, blocks)


def _pickled(
    value: object, memories: Mapping[Hashable, memory.Memory], *, in_band: bool, here: bool
) -> Pickler:
    pickler = Pickler(memories, in_band=in_band, here=here)
    pickler.dump(value)
    return pickler


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
        The stream names a class or function beyond the safe list, and nothing of it was executed; or it
        asks for memory out of all proportion.

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
    parts = list(buffers)
    held = len(stream) + sum(memoryview(part).nbytes for part in parts)
    try:
        with allowed(_GENEROUS + _TIMES * held):
            return SafeUnpickler(stream, parts, trust).load()
    except PforgeError:
        raise
    except MemoryError as error:
        raise UntrustedData(
            f"{held:,} bytes of data ask for more than {(_GENEROUS + _TIMES * held) >> 30} GiB of memory and are not "
            "signed with your key; do not load them, or trust whoever wrote them"
        ) from error
    except Exception as error:
        raise UntrustedData(
            f"the data cannot be rebuilt ({type(error).__name__}: {' '.join(str(error).split())}) and are not signed with your key; "
            "have whoever wrote them write them again"
        ) from error
