"""The public names: those of the package and of its parts, and the stores that URLs open."""

from __future__ import annotations

import inspect
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pforge_lab as pf
from pforge_lab import meter, papermill_engine, state
from pforge_lab.pipeline import loader
from pforge_lab.state.redis.aio import RedisAsyncState
from pforge_lab.state.redis.manager import RedisStateManager
from pforge_lab.state.zodb.manager import ZODBStateManager
from pforge_lab.state.zodb.postgresql import PostgreSQLStateManager
from pforge_lab.state.zodb.relational import SQLiteStateManager
from pforge_lab.state.zodb.zeo import StateServer, ZEOStateManager

if TYPE_CHECKING:
    from collections.abc import Iterator

STORES = (
    *(PostgreSQLStateManager, RedisAsyncState, RedisStateManager, SQLiteStateManager, StateServer),
    *(ZEOStateManager, ZODBStateManager),
)
PUBLIC: dict[str, Any] = {kind.__name__: kind for kind in STORES} | {
    name: getattr(module, name)
    for module in (loader, meter, papermill_engine, state, pf)
    for name in module.__all__
    if name != "__version__"
}
CLASSES = [kind for kind in PUBLIC.values() if isinstance(kind, type) and not issubclass(kind, BaseException)]

#: Classes whose objects programs are handed, and never make
HANDED_OUT = {pf.Run}

#: Classes whose methods are those of another, awaited
AWAITABLE = {state.AsyncState: pf.StateManager, RedisAsyncState: pf.StateManager}

#: Members that other parts of the package, or papermill, call, and programs have no use for
WITHIN = {
    *(
        "adopt",
        "describe_live",
        "follow",
        "holding",
        "live_sizes",
        "note_edits",
        "timeline",
        "took",
    ),  # of runs
    *("canonical_url", "check_guard", "open", "owe", "settle", "shut_down", "storing"),  # of stores
    *("compiled_condition", "compiled_input", "field_names"),  # of steps
    *("after_fork_in_child", "after_fork_in_parent", "before_fork"),  # of the meter
    "execute_notebook",  # of the engine
}


def members(owner: type) -> Iterator[str]:
    """Yield the public members of a class that are written in this package, inherited ones included."""
    for name in dir(owner):
        home = next((kind for kind in owner.__mro__ if name in vars(kind)), None)
        ours = home is not None and home.__module__.startswith("pforge_lab")
        if ours and not name.startswith(("_", "model_")):
            member = inspect.getattr_static(owner, name)
            if callable(member) or isinstance(member, property | cached_property | classmethod):
                yield name


def callables() -> dict[str, tuple[Any, str]]:
    """Return what can be called, by name: functions, classes that programs make, their methods; each with its docstring."""
    found = {}
    for name, thing in PUBLIC.items():
        if not isinstance(thing, type):
            if callable(thing):
                found[name] = (thing, inspect.getdoc(thing) or "")
        elif thing in CLASSES:
            if thing not in HANDED_OUT:
                found[name] = (thing, inspect.getdoc(thing) or "")
            for member in set(members(thing)) - WITHIN:
                if callable(method := getattr(thing, member)):
                    found[f"{name}.{member}"] = (method, inspect.getdoc(method) or "")
    return found


def bodies() -> dict[str, tuple[Any, str]]:
    """Return the functions behind what can be called and behind properties, by name, each with the docstring that tells of it."""
    found = {}
    for name, (thing, doc) in callables().items():
        body = thing.__init__ if isinstance(thing, type) else inspect.unwrap(thing)
        if inspect.isfunction(body) or inspect.ismethod(body):
            found[name] = (body, doc)
    for kind in CLASSES:
        for name in set(members(kind)) - WITHIN:
            member = inspect.getattr_static(kind, name)
            if isinstance(member, property | cached_property):
                body = member.fget if isinstance(member, property) else member.func
                found[f"{kind.__name__}.{name}"] = (body, inspect.getdoc(body) or "")
    return found
