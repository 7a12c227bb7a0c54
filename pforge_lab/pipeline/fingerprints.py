"""Fingerprints of code, to tell whether the function behind a step has changed since it ran."""

from __future__ import annotations

import functools
import hashlib
import inspect
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def code_fingerprint(function: Callable[..., Any]) -> str:
    """Return a hash of what a function does: its code, the code inside it, constants, names and defaults.

    Stable across processes of one Python version. Comments, file names and line numbers do not
    count; functions that it calls do not either.

    Examples
    --------
    >>> def f(x): return x + 1
    >>> def g(x): return x + 2
    >>> code_fingerprint(f) == code_fingerprint(f), code_fingerprint(f) == code_fingerprint(g)
    (True, False)
    """
    digest = hashlib.blake2b(digest_size=16)
    for part in _parts(function, set()):
        digest.update(part.encode("utf-8", "surrogatepass"))
        digest.update(b"\x00")
    return digest.hexdigest()


def _parts(function: Any, seen: set[int]) -> Iterator[str]:
    if id(function) in seen:
        return
    seen.add(id(function))
    if isinstance(function, functools.partial):
        yield from _parts(function.func, seen)
        yield _plain(function.args)
        yield _plain(function.keywords)
    elif isinstance(function, FunctionType):
        yield from _function(function, seen)
    elif inspect.ismethod(function):
        yield from _parts(function.__func__, seen)
    elif isinstance(function, type):
        yield function.__qualname__
        for name, member in sorted(vars(function).items()):
            if isinstance(member, FunctionType | staticmethod | classmethod):
                yield name
                yield from _parts(getattr(member, "__func__", member), seen)
    elif hasattr(type(function), "__call__") and isinstance(type(function).__call__, FunctionType):  # noqa: B004 -- its code is wanted
        yield from _parts(type(function).__call__, seen)
    else:
        yield f"{getattr(function, '__module__', '')}.{getattr(function, '__qualname__', type(function).__name__)}"


def _function(function: FunctionType, seen: set[int]) -> Iterator[str]:
    yield from _code(function.__code__)
    yield _plain(function.__defaults__)
    yield _plain(function.__kwdefaults__)
    for cell in function.__closure__ or ():
        try:
            held = cell.cell_contents
        except ValueError:  # a cell that is not filled yet
            continue
        if callable(held):
            yield from _parts(held, seen)
        else:
            yield _plain(held)


def _code(code: CodeType) -> Iterator[str]:
    yield code.co_code.hex()
    yield repr((code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags))
    yield repr((code.co_names, code.co_varnames, code.co_freevars))
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _code(constant)
        else:
            yield _plain(constant)


def _plain(value: object) -> str:
    """Return a text for a constant that no process and no hash seed changes."""
    if isinstance(value, frozenset | set):
        return f"{{{','.join(sorted(map(_plain, value)))}}}"
    if isinstance(value, tuple | list):
        return f"({','.join(map(_plain, value))})"
    if isinstance(value, dict):
        return f"{{{','.join(f'{_plain(key)}:{_plain(item)}' for key, item in value.items())}}}"
    if value is None or value is Ellipsis or isinstance(value, bool | int | float | complex | str | bytes):
        return f"{type(value).__name__}:{value!r}"
    return f"object:{type(value).__module__}.{type(value).__qualname__}"
