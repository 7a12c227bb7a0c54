"""Variables that are never kept: passwords, tokens, connections."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from pforge_lab.errors import WrongType
from pforge_lab.values.describe import describe

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Patterns of names, as of files: ``*``, ``?`` and ``[ab]``; capitals count.

    Examples
    --------
    >>> Exclusion.of(["*token*"]).reasons({"api_token": "s3cret", "n": 1})
    {'api_token': "excluded by '*token*'"}
    """

    patterns: tuple[str, ...] = ()

    @classmethod
    def of(cls, patterns: Collection[str]) -> Exclusion:
        """Return the exclusion of ``exclude=`` of `pforge_lab.Pipeline.start`.

        Raises
        ------
        WrongType
            It is no list of texts.
        """
        if isinstance(patterns, str) or not all(isinstance(pattern, str) for pattern in patterns):
            raise WrongType(f"exclude is a list of patterns such as ['*token*'], not {patterns!r}")
        return cls(tuple(patterns))

    def told(self, values: Mapping[str, str]) -> dict[str, str]:
        """Return what is told of values, of those that are not kept only that.

        Examples
        --------
        >>> Exclusion.of(["*token*"]).told({"api_token": "s3cret", "n": "1"})
        {'api_token': '(excluded)', 'n': '1'}
        """
        excluded = self.reasons(values)
        return {name: "(excluded)" if name in excluded else text for name, text in values.items()}

    def reasons(self, values: Mapping[str, Any]) -> dict[str, str]:
        """Return why variables are not kept, for those that are not."""
        if not self.patterns:
            return {}
        found = {name: next((p for p in self.patterns if fnmatchcase(name, p)), None) for name in values}
        return {name: f"excluded by {pattern!r}" for name, pattern in found.items() if pattern is not None}


def told_of(value: object) -> tuple[str, str, str]:
    """Return type and shape of a value that is not kept, and no preview."""
    kind, shape, _ = describe(value)
    return kind, shape, ""
