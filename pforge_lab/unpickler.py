"""The unpickler of what nobody vouches for: it makes nothing that is not on the safe list, and all of it sound.

Python's unpickler makes an object first and gives it its state later. In between others can hold it, and a
state can come twice: an array changes under its view, a dtype under its arrays. Here an object that has a
state is made when that has come, at once and by a function that checks it, and is not changed any more.
"""

from __future__ import annotations

import collections
import io
import pickle
import random
from typing import TYPE_CHECKING, Any, ClassVar

from pforge_lab.custom_types import is_registered
from pforge_lab.errors import UntrustedData
from pforge_lab.makers import forgets, maker
from pforge_lab.makers.values import OPEN, require_hashable
from pforge_lab.safelist import is_safe

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

_Unpickler: Any = pickle._Unpickler  # noqa: SLF001 - the one in C gives state before anybody can look
_UNUSED = (
    pickle.GET,
    pickle.PUT,
    pickle.DUP,
    pickle.INST,
    pickle.OBJ,
    pickle.EXT1,
    pickle.EXT2,
    pickle.EXT4,
    pickle.PERSID,
    pickle.BINPERSID,
)
_CONTAINERS = (dict, list, set, collections.deque)


class _Pending:
    """An object that waits for its state; whoever holds it until then holds nothing else."""

    def __init__(self, make: Callable[[Any, Any], Any], arguments: Any) -> None:
        self.make, self.arguments = make, arguments
        self.place: int | None = None


class SafeUnpickler(_Unpickler):  # type: ignore[misc] # of type Any: typeshed does not know its parts
    """An unpickler that builds only what is on the safe list, and what the user adds to it.

    Ten times slower than the one in C, for Python objects; buffers cost nothing in either.
    """

    dispatch: ClassVar = {
        code: load for code, load in _Unpickler.dispatch.items() if bytes([code]) not in _UNUSED
    }

    def __init__(self, stream: bytes, buffers: Iterable[Any] = (), trust: Collection[str] = ()) -> None:
        super().__init__(io.BytesIO(stream), buffers=buffers, fix_imports=False)
        self._trust = frozenset(trust)
        self._users: dict[int, Any] = {}  # what the user trusts, and what that made
        self._waiting = 0

    def load(self) -> Any:
        """Return what the stream holds."""
        loaded = super().load()
        if self._waiting:
            raise UntrustedData("the data hold an object without its state")
        return loaded

    def find_class(self, module: str, name: str) -> Any:
        """Return the class or function of that name, if it is safe to name."""
        if self._is_trusted(module, name):
            return self._trusted(module, name)
        if is_registered(module, name):
            return self._of(super().find_class(module, name))
        if is_safe(module, name):
            return super().find_class(module, name)
        raise UntrustedData(
            f"the data names {module}.{name}, which is not on the safe list; if you trust who wrote it, "
            f"pass trust=[{f'{module}.{name}'!r}]",
            name=f"{module}.{name}",
        )

    def _is_trusted(self, module: str, name: str) -> bool:
        return f"{module}.{name}" in self._trust or f"{module}.*" in self._trust

    def _trusted(self, module: str, name: str) -> Any:
        """Return what a trusted module defines; what it merely imports is not its own."""
        found = super().find_class(module, name)
        if f"{module}.{name}" in self._trust or getattr(found, "__module__", None) == module:
            return self._of(found)
        raise UntrustedData(
            f"the data names {name} through {module}, which does not define it", name=f"{module}.{name}"
        )

    def _of(self, found: Any) -> Any:
        self._users[id(found)] = found
        return found

    def _of_the_user(self, *values: Any) -> bool:
        """Return whether the user trusts one of some classes, functions and objects."""
        return bool(self._users) and any(id(value) in self._users for value in values)

    def _made(self, kind: Any, arguments: Any) -> Any:
        if type(arguments) is not tuple:
            raise UntrustedData(
                f"the data call {_told(kind)} with a {type(arguments).__name__}, which holds no arguments"
            )
        builds, calls = maker(kind)
        if builds is not None:
            self._waiting += 1
            return _Pending(builds, arguments)
        if calls is not None:
            return calls(*arguments)
        raise UntrustedData(f"the data call {_told(kind)}, which they may only name", name=_told(kind))

    def load_reduce(self) -> None:
        """Make an object by a call."""
        if self._of_the_user(self.stack[-2]):
            super().load_reduce()
            self._users[id(self.stack[-1])] = self.stack[-1]
            return
        arguments = self.stack.pop()
        self.stack[-1] = self._made(self.stack[-1], arguments)

    dispatch[pickle.REDUCE[0]] = load_reduce

    def load_newobj(self) -> None:
        """Make an object of a class."""
        if self._of_the_user(self.stack[-2]):
            super().load_newobj()
            self._users[id(self.stack[-1])] = self.stack[-1]
            return
        arguments = self.stack.pop()
        self.stack[-1] = self._made(self.stack[-1], arguments)

    dispatch[pickle.NEWOBJ[0]] = load_newobj

    def load_newobj_ex(self) -> None:
        """Make an object of a class with keywords: no class of the safe list pickles so."""
        if not self._of_the_user(self.stack[-3]):
            raise UntrustedData(f"the data call {_told(self.stack[-3])}, which they may only name")
        super().load_newobj_ex()
        self._users[id(self.stack[-1])] = self.stack[-1]

    dispatch[pickle.NEWOBJ_EX[0]] = load_newobj_ex

    def load_build(self) -> None:
        """Give an object its state: make it, if it waits for it, or set attributes that mean nothing to Python."""
        built, state = self.stack[-2:]
        if type(built) is _Pending:
            made = built.make(built.arguments, state)
            self.stack[-2:] = [made]
            if built.place is not None:
                self.memo[built.place] = made
            self._waiting -= 1
        elif self._of_the_user(built, type(built)):
            super().load_build()
        elif forgets(built):
            self.stack.pop()
        elif type(built) in OPEN:
            _require_plain(built, state)
            super().load_build()
        else:
            raise UntrustedData(f"the data change {_told(built)}, which is complete", name=_told(built))

    dispatch[pickle.BUILD[0]] = load_build

    def load_memoize(self) -> None:
        """Keep the object on top by number."""
        top = self.stack[-1]
        if type(top) is _Pending:
            if top.place is not None:
                raise UntrustedData("the data keep an object twice before it has its state")
            top.place = len(self.memo)
        self.memo[len(self.memo)] = top

    dispatch[pickle.MEMOIZE[0]] = load_memoize

    def load_binput(self) -> None:
        """Keep the object on top by a number of the stream's."""
        _require_complete(self.stack[-1])
        super().load_binput()

    dispatch[pickle.BINPUT[0]] = load_binput

    def load_long_binput(self) -> None:
        """Keep the object on top by a number of the stream's."""
        _require_complete(self.stack[-1])
        super().load_long_binput()

    dispatch[pickle.LONG_BINPUT[0]] = load_long_binput

    def load_binget(self) -> None:
        """Take an object by its number."""
        super().load_binget()
        if self._waiting:
            _require_complete(self.stack[-1])

    dispatch[pickle.BINGET[0]] = load_binget

    def load_long_binget(self) -> None:
        """Take an object by its number."""
        super().load_long_binget()
        if self._waiting:
            _require_complete(self.stack[-1])

    dispatch[pickle.LONG_BINGET[0]] = load_long_binget

    def load_append(self) -> None:
        """Put an object into a list."""
        self._require_container(self.stack[-2])
        super().load_append()

    dispatch[pickle.APPEND[0]] = load_append

    def load_appends(self) -> None:
        """Put objects into a list."""
        self._require_container(self.metastack[-1][-1])
        super().load_appends()

    dispatch[pickle.APPENDS[0]] = load_appends

    def load_setitem(self) -> None:
        """Put an object into a dict."""
        self._require_container(self.stack[-3], self.stack[-2:-1])
        super().load_setitem()

    dispatch[pickle.SETITEM[0]] = load_setitem

    def load_setitems(self) -> None:
        """Put objects into a dict."""
        self._require_container(self.metastack[-1][-1], self.stack[::2])
        super().load_setitems()

    dispatch[pickle.SETITEMS[0]] = load_setitems

    def load_additems(self) -> None:
        """Put objects into a set."""
        self._require_container(self.metastack[-1][-1], self.stack)
        super().load_additems()

    dispatch[pickle.ADDITEMS[0]] = load_additems

    def load_dict(self) -> None:
        """Make a dict."""
        _require_hashable(self.stack[::2])
        super().load_dict()

    dispatch[pickle.DICT[0]] = load_dict

    def load_frozenset(self) -> None:
        """Make a frozenset."""
        _require_hashable(self.stack)
        super().load_frozenset()

    dispatch[pickle.FROZENSET[0]] = load_frozenset

    def _require_container(self, held: Any, keys: Iterable[Any] = ()) -> None:
        if not isinstance(held, _CONTAINERS) and not self._of_the_user(held, type(held)):
            raise UntrustedData(f"the data put something into a {type(held).__name__}, which is complete")
        _require_hashable(keys)


def _told(value: Any) -> str:
    """Return the name of a class or function, or of the class of something else, whose repr may be anything."""
    return getattr(value, "__qualname__", None) or f"a {type(value).__qualname__}"


def _require_complete(value: Any) -> None:
    if type(value) is _Pending:
        raise UntrustedData("the data hold an object inside of itself, where it cannot be checked")


def _require_hashable(keys: Iterable[Any]) -> None:
    for key in keys:
        if type(key) in (tuple, frozenset):
            require_hashable(key)


def _require_plain(built: Any, state: Any) -> None:
    """Raise UntrustedData if a state has attributes that Python or a library looks for."""
    if type(built) is random.Random:
        return
    if type(state) is not dict or any(type(name) is not str or name.startswith("__") for name in state):
        raise UntrustedData(f"the data set attributes of a {type(built).__name__} that are no data")
