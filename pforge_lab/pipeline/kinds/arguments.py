"""The arguments of tools that are made of templates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pforge_lab.errors import Fault, ParamError, near_misses
from pforge_lab.pipeline.params import Param, check_values

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def scope_of(
    name: str, params: Mapping[str, Param] | None, arguments: Mapping[str, Any], known: Iterable[str]
) -> dict[str, Any]:
    """Return the names that a tool's templates may use.

    With declared params these are checked and filled in; without, any name that a template reads
    may be given.

    Raises
    ------
    ParamError
        With everything that is missing, unknown or of the wrong type.
    """
    if params is not None:
        return check_values(params, arguments, repr(name))
    names = set(known)
    unknown = [given for given in arguments if given not in names]
    if unknown:
        raise ParamError.of(
            [
                Fault(f"{name!r} takes no such argument{near_misses(given, names)}", field=given)
                for given in unknown
            ],
        )
    return dict(arguments)
