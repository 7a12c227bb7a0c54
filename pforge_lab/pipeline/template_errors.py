"""The errors of templates: what was asked for, and what there is."""

from __future__ import annotations

from collections.abc import Mapping

from jinja2.exceptions import SecurityError
from jinja2.utils import missing

from pforge_lab.errors import TemplateError, near_misses

from .lookup import MissingValue

Scope = Mapping[str, object]


def undefined_name(source: str, name: str, scope: Scope) -> TemplateError:
    """Return the error for a name that is not among the variables."""
    defined = tuple(sorted(map(str, scope)))
    listed = ", ".join(repr(other) for other in defined[:20]) or "none"
    more = f" and {len(defined) - 20} more" if len(defined) > 20 else ""
    near = near_misses(name, defined)
    end = near if near.startswith(",") else "."
    return TemplateError(
        f"{short(source)!r}: {name!r} is not defined{end} Defined: {listed}{more}",
        expression=source,
        name=name,
        defined=defined,
    )


def undefined_part(source: str, owner: object, part: object, scope: Scope) -> TemplateError:
    """Return the error for a part that a value does not have."""
    defined = tuple(sorted(map(str, scope)))
    if isinstance(owner, Mapping):
        detail = f"there is no {part!r}{near_misses(str(part), map(str, owner))}"
    elif isinstance(part, int) and hasattr(owner, "__len__"):
        detail = f"there is no item {part}; the {type(owner).__name__} has {len(owner)}"
    else:
        detail = f"a {type(owner).__name__} has no {part!r}"
    return TemplateError(f"{short(source)!r}: {detail}", expression=source, name=None, defined=defined)


def failed(source: str, error: Exception, scope: Scope) -> TemplateError:
    """Return the error for whatever an expression raised."""
    if isinstance(error, TemplateError):
        return error
    if isinstance(error, MissingValue) and not (error.owner is missing and error.name is None):
        if error.owner is missing:
            return undefined_name(source, str(error.name), scope)
        return undefined_part(source, error.owner, error.name, scope)
    kind = "" if isinstance(error, SecurityError | MissingValue) else f"{type(error).__name__}: "
    defined = tuple(sorted(map(str, scope)))
    return TemplateError(f"{short(source)!r}: {kind}{error}", expression=source, name=None, defined=defined)


def short(text: str) -> str:
    """Return a text on one line, cut where it is long."""
    line = " ".join(text.split())
    return line if len(line) <= 80 else line[:77] + "..."
