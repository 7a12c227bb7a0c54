"""Types of which the user, or an installed package, says how snapshots keep them.

A package registers its types with an entry point of the group ``pforge_lab.types``: its name is the
package (the first part of the module's name) that the types, or the functions that restore them, are
of; its object a function without parameters that calls `register_type`. It is called when a value of
that package is first kept, or an unsigned snapshot names something of it.
"""

from __future__ import annotations

import sys
from functools import cache
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pforge_lab.errors import UsageError, WrongType

if TYPE_CHECKING:
    from collections.abc import Callable
    from importlib.metadata import EntryPoint

T = TypeVar("T")

GROUP: Final = "pforge_lab.types"

_KNOWN = sys.stdlib_module_names | {"__main__", "numpy", "pandas", "polars", "pyarrow", "pforge_lab"}

# How values are taken apart, and made
FORMS: dict[type, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {}
LISTED: set[tuple[str, str]] = set()  # what snapshots of others may name, by module and name
LOOKED: set[str] = set()  # modules whose package has been asked for its types


def register_type(
    kind: type[T], *, reduce: Callable[[T], Any] | None = None, restore: Callable[[Any], T] | None = None
) -> None:
    """Say how values of a type are kept in snapshots, and that data of others may build them in this process.

    A run of somebody else, which is signed with another key, loads what is on the safe list. What is
    registered is on it from now on: call this for what does no harm, whatever it is given.

    Parameters
    ----------
    kind
        The type, not those derived from it.
    reduce
        Returns what a value consists of: anything that can be kept; arrays in it are stored once, in chunks.
        Without it values are kept as they pickle themselves.
    restore
        Makes the value from that. A function or class that is imported by name where the snapshot is
        opened, so not one of the notebook.

    Raises
    ------
    WrongType
        ``kind`` is no type.
    UsageError
        There is only one of ``reduce`` and ``restore``, or what a snapshot would name, ``restore`` or else
        ``kind``, cannot be imported by its name.

    Examples
    --------
    >>> import ipaddress
    >>> import pforge_lab as pf
    >>> pf.register_type(ipaddress.IPv4Address, reduce=int, restore=ipaddress.IPv4Address)
    >>> def host(n: int): return ipaddress.IPv4Address(n)
    >>> run = pf.Pipeline.from_functions("p", host).start({"n": 2130706433}, state="memory:")
    >>> record = run.step()
    >>> run.at(1)["host"]
    IPv4Address('127.0.0.1')
    """
    if not isinstance(kind, type):
        raise WrongType(f"register_type takes a type, not {kind!r}; pass type(value)")
    if (reduce is None) != (restore is None):
        raise UsageError(f"{kind.__name__} needs both reduce= and restore=, or neither")
    LISTED.add(_place(kind if restore is None else restore))
    if reduce is not None and restore is not None:
        FORMS[kind] = (reduce, restore)
    else:
        FORMS.pop(kind, None)


def registered(value: Any) -> tuple[Callable[[Any], Any], tuple[Any]] | None:
    """Return how a value of a registered type is rebuilt, as ``__reduce__`` does; None for any other."""
    kind = type(value)
    if kind not in FORMS:
        _look(kind.__module__)
    if kind not in FORMS:
        return None
    reduce, restore = FORMS[kind]
    return restore, (reduce(value),)


def is_registered(module: str, name: str) -> bool:
    """Return whether ``module.name`` is what a registered type is rebuilt by.

    Examples
    --------
    >>> import ipaddress
    >>> register_type(ipaddress.IPv6Address, reduce=int, restore=ipaddress.IPv6Address)
    >>> is_registered("ipaddress", "IPv6Address"), is_registered("ipaddress", "ip_network")
    (True, False)
    """
    _look(module)
    return (module, name) in LISTED


def _look(module: str) -> None:
    """Have installed packages register the types of the package that a module is of."""
    if module in LOOKED:
        return
    package = module.partition(".")[0]
    for point in () if package in _KNOWN else _points().get(package, ()):
        try:
            point.load()()
        except Exception as error:
            raise UsageError(
                f"the types of {package!r} cannot be registered by {point.value!r} "
                f"({type(error).__name__}: {error}); mend or remove the package that offers it"
            ) from error
    LOOKED.add(module)


@cache
def _points() -> dict[str, list[EntryPoint]]:
    """Return the functions of installed packages that register types, by the package that the types are of."""
    found: dict[str, list[EntryPoint]] = {}
    for point in entry_points(group=GROUP):
        found.setdefault(point.name, []).append(point)
    return found


def _place(what: Any) -> tuple[str, str]:
    """Return module and name that what a snapshot names is imported by."""
    module, name = getattr(what, "__module__", None), getattr(what, "__qualname__", None)
    found: Any = sys.modules.get(str(module))
    for part in str(name).split("."):
        found = getattr(found, part, None)
    if module is None or name is None or module == "__main__" or found is not what:
        raise UsageError(
            f"{name or what!r} cannot be imported by its name where a snapshot is opened; "
            "define it as a function or class of a module"
        )
    return module, name
