"""Functions of the notebook, kept with a run so that another process can go on without them.

A function of a module is kept by name and imported again. One of the notebook (or a closure) is
kept by value, signed: it runs only for whoever holds the key it was signed with. At each step a
function of that name in the notebook comes first, so redefining one takes effect.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from pforge_lab import trust
from pforge_lab.errors import UntrustedData
from pforge_lab.serialization import pack, unpack

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def keep(functions: Mapping[str, Callable[..., Any]]) -> bytes | None:
    """Return the functions as bytes for the store, or None when there are none.

    Raises
    ------
    Exception
        Whatever a closure raises that holds something that cannot be serialised.
    """
    if not functions:
        return None
    by_name = {tool: _address(function) for tool, function in functions.items()}
    by_value = {tool: function for tool, function in functions.items() if by_name[tool] is None}
    stream = pack(by_value).stream
    header = json.dumps({
        "by_name": {tool: address for tool, address in by_name.items() if address},
        "signature": trust.sign([trust.digest(stream)]),
    })  # fmt: skip
    return header.encode() + b"\n" + stream


def _address(function: Callable[..., Any]) -> str | None:
    module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", "")
    if module in (None, "__main__") or "<" in name:
        return None
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return f"{module}:{name}" if found is function else None


def restore(kept: bytes | None, run: str, *, trusted: bool = False) -> dict[str, Callable[..., Any]]:
    """Return the functions that `keep` kept.

    Raises
    ------
    UntrustedData
        Functions of a notebook were kept under another key.
    """
    if kept is None:
        return {}
    header, _, stream = kept.partition(b"\n")
    facts = json.loads(header)
    functions = {tool: _import(address) for tool, address in facts["by_name"].items()}
    if trusted or trust.verify([trust.digest(stream)], facts["signature"]):
        by_value: dict[str, Callable[..., Any]] = unpack(stream, trusted=True)
        return functions | by_value
    raise UntrustedData(
        f"run {run} holds functions of a notebook that were signed with another key; if you trust who wrote it, "
        "pass trust=['functions'] or share the key through PFORGE_KEY",
        name="functions",
    )


def _import(address: str) -> Any:
    module, _, name = address.partition(":")
    found: Any = import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    return found
