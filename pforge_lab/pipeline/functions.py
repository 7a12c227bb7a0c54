"""Where the function behind a tool comes from: looked up by name at each step."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from contextlib import suppress
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final, Protocol

from pforge_lab.errors import Fault, SpecError, near_misses

from .modules import load_module

if TYPE_CHECKING:
    from pathlib import Path

Function = Callable[..., Any]
_LOOKED_UP: Final = "__pforge_looked_up__"
_REFERENCE: Final = re.compile(
    r"(?P<module>[^\W\d]\w*(?:(?:\.|::)[^\W\d]\w*)*)(?::|::)(?P<name>[^\W\d]\w*(?:\.[^\W\d]\w*)*)"
)


class Source(Protocol):
    """A place that gives the function as it is now."""

    def function(self) -> Function:
        """Return the function.

        Raises
        ------
        SpecError
            It is not there (any more).
        """


class Given:
    """A function that no name leads to: a closure, a lambda, a method, a partial."""

    __slots__ = ("given",)

    def __init__(self, given: Function) -> None:
        self.given = given

    def function(self) -> Function:
        """Return the object that was given."""
        return self.given


class Named:
    """A function of a loaded module, or of the notebook (``__main__``)."""

    __slots__ = ("given", "module", "path")

    def __init__(self, module: str, path: str, given: Function | None = None) -> None:
        self.module = module
        self.path = path
        self.given = given

    def function(self) -> Function:
        """Return what the name means now."""
        module, path = sys.modules.get(self.module), self.path
        found: Any = attribute(module, path) if "." in path else getattr(module, path, None)
        if callable(found):
            return found  # type: ignore[no-any-return] # any callable is one
        if self.given is not None:
            return self.given
        raise SpecError.of(
            [Fault(f"there is no function {self.path!r} in {self.module} any more; define it again")]
        )


class Referred:
    """A function of a module beside the pipeline's file, or an installed one: ``module:function``."""

    __slots__ = ("folder", "module", "path")

    def __init__(self, module: str, path: str, folder: Path) -> None:
        self.module = module
        self.path = path
        self.folder = folder

    def function(self) -> Function:
        """Return the function, of the module as it is on disk."""
        module = load_module(self.module, self.folder)
        found = attribute(module, self.path)
        if callable(found):
            return found  # type: ignore[no-any-return] # any callable is one
        known = [name for name, value in vars(module).items() if callable(value) and not name.startswith("_")]
        wrong = "is no function" if found is not None else "does not exist"
        raise SpecError.of(
            [Fault(f"{self.path!r} {wrong} in module {self.module!r}{near_misses(self.path, known)}")]
        )


def source_of(function: Function) -> Source:
    """Return where to look a function up: its name if that leads back to it, else the object itself.

    A function marked by `look_up` is found by its name as soon as there is one.
    """
    module = getattr(function, "__module__", None)
    path = getattr(function, "__qualname__", None)
    if (
        isinstance(module, str)
        and isinstance(path, str)
        and (attribute(sys.modules.get(module), path) is function or hasattr(function, _LOOKED_UP))
    ):
        return Named(module, path, function)
    return Given(function)


def look_up(function: Function) -> None:
    """Let a function of a notebook that was loaded from a store give way to one that is defined again."""
    path = getattr(function, "__qualname__", "<")
    if getattr(function, "__module__", None) == "__main__" and "<" not in path:
        with suppress(AttributeError):  # callables that take no attributes
            setattr(function, _LOOKED_UP, True)


def refer(reference: str, folder: Path) -> Referred | None:
    """Return the source for ``module:function`` or ``module::function``, or None if the text is neither."""
    found = _REFERENCE.fullmatch(reference)
    if found is None:
        return None
    return Referred(found["module"].replace("::", "."), found["name"], folder)


def attribute(owner: object, path: str) -> Any:
    """Return the attribute at a dotted path, or None."""
    if "." not in path:
        return getattr(owner, path, None)
    for name in path.split("."):
        owner = getattr(owner, name, None)
    return owner


def main_function(name: str) -> Function | None:
    """Return the function of that name in the notebook or script, or None."""
    found = vars(sys.modules["__main__"]).get(name) if "__main__" in sys.modules else None
    return found if callable(found) and not name.startswith("_") else None


def main_functions() -> list[str]:
    """Return the names of the functions that the notebook or script defines."""
    main = vars(sys.modules["__main__"]) if "__main__" in sys.modules else {}
    return [
        name
        for name, value in list(main.items())
        if isinstance(value, FunctionType) and value.__module__ == "__main__" and not name.startswith("_")
    ]
