"""Which classes and functions a pickle stream names, found without building any of them."""

from __future__ import annotations

import io
import itertools
import pickle
from typing import Any, Self

from pforge_lab.allowance import allowed

_ROOM = 1 << 30  # bytes that reading names may ask for, and times what the stream holds
_TIMES = 64


def names_in(stream: bytes) -> tuple[list[tuple[str, str]], str]:
    """Return the names that a stream has looked up when it is loaded, and why the rest could not be read.

    In place of each stands something that takes whatever is done to it, so nothing is imported and
    nothing of the stream's making is executed. Ten times slower than loading.

    Returns
    -------
    list, str
        Module and name, each pair once, in order; and an empty string, or what is wrong behind the last of them.

    Examples
    --------
    >>> import os
    >>> names_in(pickle.dumps({"run": os.system, "n": 1}))
    ([('posix', 'system')], '')
    """
    reader = _Reader(stream)
    try:
        with allowed(_ROOM + _TIMES * len(stream)):
            reader.load()
    except Exception as error:  # noqa: BLE001 - whatever a stream that somebody made by hand ends in
        return list(reader.names), f"{type(error).__name__}: {error}"
    return list(reader.names), ""


class _Anything:
    """Stands for a class, a function or what they would have made."""

    def __new__(cls, *_: object, **__: object) -> Self:
        return object.__new__(_Anything)  # type: ignore[return-value] # also asked of instances

    def __call__(self, *_: object, **__: object) -> _Anything:
        return self

    def __setitem__(self, key: object, value: object) -> None:
        """Take an item."""

    def _take(self, *_: object) -> None:
        """Take what a list, a set or an instance would be given."""

    append = extend = add = update = __setstate__ = _take


_Unpickler: Any = pickle._Unpickler  # noqa: SLF001 - the one in C cannot be given other things to build


class _Reader(_Unpickler):  # type: ignore[misc] # of type Any: typeshed does not know its parts
    def __init__(self, stream: bytes) -> None:
        super().__init__(io.BytesIO(stream), buffers=itertools.repeat(b""))
        self.names: dict[tuple[str, str], None] = {}

    def find_class(self, module: str, name: str) -> Any:
        self.names[module, name] = None
        return _Anything()

    def get_extension(self, code: int) -> None:
        self.append(self.find_class("copyreg", f"extension {code}"))
