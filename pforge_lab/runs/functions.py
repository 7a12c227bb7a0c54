"""Functions of the notebook, kept with a run so that another process can go on without them.

A function of a module is kept as ``module:function`` and imported when a step needs it. One of the
notebook (or a closure) is kept by value, signed: it is built only for whoever holds the key it was
signed with. A function of that name in the notebook comes first, so redefining one takes effect.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pforge_lab import trust
from pforge_lab.errors import UntrustedData
from pforge_lab.pipeline.functions import look_up
from pforge_lab.serialization import pack, unpack

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LIMIT = 8 << 20  # bytes: a function that drags more along (a frame it reads as a global) is not kept


@dataclass(frozen=True, slots=True)
class KeptFunctions:
    """How the functions of a pipeline are kept.

    Attributes
    ----------
    addresses
        ``module:function`` by tool, of functions that a module has.
    values
        Signed pickle of the other ones, or None when there are none.
    left_out
        Tools whose function could not be kept, with the reason: whoever goes on defines it again.
    """

    addresses: dict[str, str] = field(default_factory=dict)
    values: bytes | None = None
    left_out: dict[str, str] = field(default_factory=dict)

    def tools(self) -> list[dict[str, Any]]:
        """Return the functions of modules as definitions of native tools."""
        return [
            {"type": "native", "name": tool, "handler": {"path": path}}
            for tool, path in self.addresses.items()
        ]


def keep(functions: Mapping[str, Callable[..., Any]]) -> KeptFunctions:
    """Return how functions are kept; one that cannot be is left out with the reason."""
    addresses: dict[str, str] = {}
    by_value: dict[str, Callable[..., Any]] = {}
    left_out: dict[str, str] = {}
    for tool, function in functions.items():
        address = _address(function)
        if address is not None:
            addresses[tool] = address
            continue
        try:
            size = pack(function).nbytes
        except Exception as error:  # noqa: BLE001 - whatever the globals and cells of a function raise
            left_out[tool] = f"{type(error).__name__}: {error}"
            continue
        if size > LIMIT:
            left_out[tool] = f"it reads {size / 1e6:.0f} MB of the notebook's variables; pass them as inputs"
        else:
            by_value[tool] = function
    return KeptFunctions(addresses, _signed(by_value) if by_value else None, left_out)


def _signed(functions: dict[str, Callable[..., Any]]) -> bytes:
    return _with_signature(sorted(functions), pack(functions, in_band=True).stream)


def _with_signature(tools: list[str], stream: bytes) -> bytes:
    header = {"tools": tools, "signature": trust.sign([trust.digest(stream)])}
    return json.dumps(header).encode() + b"\n" + stream


def signed_anew(values: bytes) -> bytes:
    """Return functions that were kept by value, signed with the user's key; builds none of them."""
    return _with_signature(tools_of(values), stream_of(values))


def are_ours(values: bytes) -> bool:
    """Return whether functions that were kept by value are signed with the user's key."""
    header, _, stream = values.partition(b"\n")
    return trust.verify([trust.digest(stream)], json.loads(header)["signature"])


def tools_of(values: bytes) -> list[str]:
    """Return the names of functions that were kept by value."""
    return [str(name) for name in json.loads(values.partition(b"\n")[0])["tools"]]


def stream_of(values: bytes) -> bytes:
    """Return the pickle stream of functions that were kept by value."""
    return values.partition(b"\n")[2]


def _address(function: Callable[..., Any]) -> str | None:
    module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", "")
    if module in (None, "__main__") or "<" in name:
        return None
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return f"{module}:{name}" if found is function else None


def restore(values: bytes | None, run: str, *, trusted: bool = False) -> dict[str, Callable[..., Any]]:
    """Return the functions that were kept by value.

    Those signed with another key are not built: in their place stand functions that raise
    `UntrustedData` when a step calls them, so that such a run can still be looked at.
    """
    if values is None:
        return {}
    if trusted or are_ours(values):
        functions: dict[str, Callable[..., Any]] = unpack(stream_of(values), trusted=True)
        for function in functions.values():
            look_up(function)
        return functions
    return {tool: _refusing(tool, run) for tool in tools_of(values)}


def _refusing(tool: str, run: str) -> Callable[..., Any]:
    def refuse(**_: Any) -> None:
        raise UntrustedData(
            f"tool {tool!r} of run {run} is a function that was signed with another key; if you trust who wrote it, "
            f"open the run with trust=['functions'], sign it as your own with: pforge-lab trust {run}, "
            "or share the key through PFORGE_KEY",
            name=tool,
        )

    return refuse
