"""Tools by name: `@tool`, the registry, and how a step finds the tool it names."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, overload

from pforge_lab.errors import Fault, SpecError, near_misses

from .fingerprints import code_fingerprint
from .functions import Function, Given, Named, Source, main_function, main_functions, refer, source_of
from .kinds.native import NativeTool
from .models import read
from .names import name_of
from .params import Param, read_params
from .policies import Retry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from .calls import Tool

__all__ = ["ToolBox", "ToolOptions", "code_fingerprint", "registered", "tool"]

F = TypeVar("F", bound=Function)


@dataclass(frozen=True, slots=True)
class ToolOptions:
    """What `@tool` says about a function."""

    name: str
    retry: Retry | None = None
    timeout: float | None = None
    params: Mapping[str, Param] | None = None
    description: str | None = None


_registry: dict[str, tuple[Function, ToolOptions]] = {}


@overload
def tool(function: F, /) -> F: ...


@overload
def tool(
    *,
    name: str | None = None,
    retry: int | Mapping[str, Any] | Retry | None = None,
    timeout: float | None = None,
    params: Mapping[str, Any] | None = None,
    description: str | None = None,
) -> Callable[[F], F]: ...


def tool(
    function: F | None = None,
    /,
    *,
    name: str | None = None,
    retry: int | Mapping[str, Any] | Retry | None = None,
    timeout: float | None = None,
    params: Mapping[str, Any] | None = None,
    description: str | None = None,
) -> F | Callable[[F], F]:
    """Name a function as a tool, so that steps in YAML find it. Plain functions work without it.

    Parameters
    ----------
    name
        The tool's name; the function's by default. A later function of that name replaces it.
    retry
        Attempts at most, or the fields of a `Retry`.
    timeout
        Seconds that one call may take.
    params
        Declared params, as YAML has them; by default the signature decides.
    description
        One line for lists of tools; the docstring's first by default.

    Raises
    ------
    SpecError
        An option is wrong.

    Examples
    --------
    >>> @tool(name="fetch", retry=3, timeout=5)
    ... def fetch_page(url): return f"page of {url}"
    >>> fetch_page("x")
    'page of x'
    >>> "fetch" in registered()
    True
    """

    def register(target: F) -> F:
        options = ToolOptions(
            name or name_of(target),
            None if retry is None else _retry(retry),
            _seconds(timeout),
            None if params is None else read_params(params),
            description,
        )
        with suppress(AttributeError, TypeError):  # a builtin carries none; the registry knows it
            target.__pforge_tool__ = options  # type: ignore[attr-defined]  # functions carry attributes
        _registry[options.name] = (target, options)
        return target

    return register if function is None else register(function)


def _retry(retry: int | Mapping[str, Any] | Retry) -> Retry:
    return read(Retry, {"attempts": retry} if isinstance(retry, int) else retry)


def _seconds(timeout: Any) -> float | None:
    if timeout is not None and (
        isinstance(timeout, bool) or not isinstance(timeout, int | float) or timeout <= 0
    ):
        raise SpecError.of([Fault(f"must be seconds above 0, not {timeout!r}", field="timeout")])
    return timeout


def registered() -> dict[str, Function]:
    """Return the functions that `@tool` has named."""
    return {name: function for name, (function, _) in _registry.items()}


class ToolBox:
    """Finds the tools of one pipeline by name.

    Looked at in order: tools declared in the file, functions given as objects, `@tool`
    functions, functions of the notebook (``__main__``), and ``module:function``.

    Parameters
    ----------
    definitions
        Declared tools by name.
    functions
        Functions given as Python objects, by tool name.
    folder
        Where ``module:function`` looks first.
    """

    def __init__(
        self, definitions: Mapping[str, Any], functions: Mapping[str, Function], folder: Path
    ) -> None:
        self.definitions = definitions
        self.functions = functions
        self.folder = folder
        self._fixed: dict[str, Tool] = {}
        self._changing: dict[str, tuple[object, Tool]] = {}  # what was registered when it was made

    def find(self, name: str) -> Tool:
        """Return the tool of that name, as it is now.

        Raises
        ------
        SpecError
            There is none, with near misses.
        """
        fixed = self._fixed.get(name)
        if fixed is not None:
            return fixed
        if name in self.definitions:
            return self._keep(name, self.definitions[name].tool(self))
        if name in self.functions:
            return self._keep(name, native(name, self.functions[name]))
        known = self._dynamic(name)
        if known is not None:
            return known
        reference = refer(name, self.folder)
        if reference is not None:
            return self._keep(name, NativeTool(name, reference))
        raise self.unknown(name)

    def knows(self, name: str) -> bool:
        """Return whether there is a tool of that name, or a reference that is looked up when it is called."""
        return (
            name in self.definitions
            or name in self.functions
            or self._dynamic(name) is not None
            or refer(name, self.folder) is not None
        )

    def unknown(self, name: str) -> SpecError:
        """Return the error for a name without a tool."""
        known = list(self.names())
        hint = near_misses(name, known)
        if not hint.startswith(","):
            there = hint if known else ""
            hint = f"{there}; declare it under 'tools', define a function of that name, or write 'module:function'"
        error = SpecError.of([Fault(f"unknown tool {name!r}{hint}")])
        assert isinstance(error, SpecError)  # noqa: S101 -- of() makes its own class
        return error

    def names(self) -> Iterator[str]:
        """Yield the names there are."""
        yield from self.definitions
        yield from self.functions
        yield from _registry
        yield from main_functions()

    def handler(self, name: str, path: str) -> Source:
        """Return the function of a declared native tool.

        A Python function registered or defined under the tool's name, the handler's path or its
        last part wins: that is how handlers written in Rust are provided.
        """
        leaf = path.replace("::", ":").rpartition(":")[2].rpartition(".")[2]
        reference = refer(path, self.folder)
        return _Provided(name, (path, name, leaf), reference, self)

    def _keep(self, name: str, found: Tool) -> Tool:
        self._fixed[name] = found
        return found

    def _dynamic(self, name: str) -> Tool | None:
        entry = _registry.get(name)
        if entry is None and main_function(name) is None:
            return None
        known = self._changing.get(name)
        if known is None or known[0] is not entry:
            self._changing[name] = known = (entry, _tool_of(name, entry))
        return known[1]


@dataclass(frozen=True, slots=True)
class _Provided:
    """The function of a declared native tool, wherever it is provided."""

    name: str
    names: tuple[str, ...]
    reference: Source | None
    box: ToolBox

    def function(self) -> Function:
        for name in self.names:
            if name in self.box.functions:
                return source_of(self.box.functions[name]).function()
            if name in _registry:
                return _registry[name][0]
        if self.reference is not None:
            try:
                return self.reference.function()
            except SpecError as error:
                missing = error
        for name in self.names:
            found = main_function(name)
            if found is not None:
                return found
        reason = str(missing) if self.reference is not None else f"{self.names[0]!r} is no 'module:function'"
        raise SpecError.of(
            [
                Fault(
                    f"tool {self.name!r}: {reason}; provide it in Python with @pforge_lab.tool(name={self.name!r})"
                )
            ],
        )


def _tool_of(name: str, entry: tuple[Function, ToolOptions] | None) -> NativeTool:
    if entry is None:
        return NativeTool(name, Named("__main__", name))
    return _optioned(name, _registered(entry[0]), entry[1])


def _registered(function: Function) -> Source:
    """Return where a registered function is looked up: in the notebook by its name, where it is of the notebook."""
    path = getattr(function, "__qualname__", "<>")
    if getattr(function, "__module__", None) == "__main__" and "<" not in path:
        return Named("__main__", path, function)
    return Given(function)


def native(name: str, function: Function) -> Tool:
    """Return the tool for a function given as an object."""
    options = getattr(function, "__pforge_tool__", None)
    return _optioned(name, source_of(function), options)


def _optioned(name: str, source: Source, options: ToolOptions | None) -> NativeTool:
    if options is None:
        return NativeTool(name, source)
    return NativeTool(name, source, params=options.params, retry=options.retry, timeout=options.timeout)
