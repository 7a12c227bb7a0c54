"""The variables of a run: live ones, and those of an earlier position."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pforge_lab.errors import NotKept, VariableNotFound, near_misses
from pforge_lab.runs.changeable import is_open

if TYPE_CHECKING:
    from pforge_lab.runs.glances import VariableRow
    from pforge_lab.runs.manifest import Manifest
    from pforge_lab.runs.records import StepRecord
    from pforge_lab.runs.snapshots import Snapshots


SECONDS = 2.0  # to look inside values, for what differs between them


@dataclass(frozen=True, slots=True)
class Missing:
    """Stands in a scope for a value that its snapshot could not keep."""

    name: str
    reason: str
    label: str | None

    def error(self) -> NotKept:
        """Return the error that using it raises."""
        again = (
            f"run step {self.label!r} again: run.goto to before it, then run.step()"
            if self.label
            else f"give it again with run.set({self.name}=...)"
        )
        return NotKept(
            f"variable {self.name!r} was not kept in the snapshot ({self.reason}); {again}",
            name=self.name,
            reason=self.reason,
            label=self.label,
        )


class Variables(Mapping[str, Any]):
    """A read-only mapping of variables by name.

    Parameters
    ----------
    values
        The values, `Missing` for those not kept.
    where
        How messages name the place, such as ``after step 2``.
    handed_out
        Called with the name when a value that can be changed in place leaves the mapping.
    rows
        Gives the rows of the table that shows the variables.
    elsewhere
        Tells, of a name that is not here, where it was last, or gives None.
    """

    def __init__(
        self,
        values: Mapping[str, Any],
        where: str,
        handed_out: Callable[[str], None] | None = None,
        rows: Callable[[], tuple[VariableRow, ...]] | None = None,
        elsewhere: Callable[[str], str | None] = lambda _: None,
    ) -> None:
        self._rows = rows
        self._elsewhere = elsewhere
        self._values = values
        self._where = where
        self._handed_out = handed_out

    def __getitem__(self, name: str) -> Any:
        """Return the live object.

        Raises
        ------
        VariableNotFound
            There is no such variable here.
        NotKept
            Its snapshot could not keep it; the message names the step to run again.
        """
        try:
            value = self._values[name]
        except KeyError:
            hint = self._elsewhere(name) or near_misses(name, self._values)
            raise VariableNotFound(f"there is no variable {name!r} {self._where}{hint}", name=name) from None
        if isinstance(value, Missing):
            raise value.error()
        if self._handed_out is not None and is_open(value):
            self._handed_out(name)
        return value

    def __contains__(self, name: object) -> bool:
        return name in self._values

    def get(self, name: str, default: Any = None) -> Any:
        """Return the live object, or ``default`` where there is no such variable."""
        return self[name] if name in self._values else default

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def _ipython_key_completions_(self) -> list[str]:
        return list(self._values)

    def present(self) -> dict[str, Any]:
        """Return the variables that could be kept, as a dict of the live objects."""
        return {name: self[name] for name, value in self._values.items() if not isinstance(value, Missing)}

    @property
    def title(self) -> str:
        """Where these variables are, as a title of their table."""
        return f"Variables {self._where}"

    def rows(self) -> tuple[VariableRow, ...]:
        """Return the rows of the table that shows the variables."""
        return () if self._rows is None else self._rows()

    def __repr__(self) -> str:
        from pforge_lab.views.text import variables_text  # noqa: PLC0415 - a view

        return variables_text(self.rows(), title=self.title)

    def _repr_html_(self) -> str:
        from pforge_lab.views.html import variables_html  # noqa: PLC0415 - a view

        return variables_html(self.rows(), title=self.title)


class Stored(Mapping[str, Any]):
    """The values of a manifest, loaded group by group when they are asked for, and once."""

    def __init__(self, manifest: Manifest, snapshots: Snapshots, maker: Callable[[str], str | None]) -> None:
        self.manifest, self._snapshots, self._maker = manifest, snapshots, maker
        self._loaded: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name in self._loaded:
            return self._loaded[name]
        if name in self.manifest.not_kept:
            return Missing(name, self.manifest.not_kept[name], self._maker(name))
        if name not in self.manifest.prints:
            raise KeyError(name)
        self._loaded |= self._snapshots.load(self.manifest, [name])
        return self._loaded[name]

    def __contains__(self, name: object) -> bool:
        return name in self.manifest.prints or name in self.manifest.not_kept

    def __iter__(self) -> Iterator[str]:
        return (name for name in self.manifest.names if name)

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Pending(Mapping[str, Any]):
    """Objects of a run at one moment, some of which are not loaded yet.

    Parameters
    ----------
    loaded
        Those that are.
    stored
        The snapshot they are in step with.
    load
        Gives one that is not.
    """

    def __init__(self, loaded: dict[str, Any], stored: Stored, load: Callable[[str], Any]) -> None:
        self._loaded, self._stored, self._load = loaded, stored, load

    def __getitem__(self, name: str) -> Any:
        if name not in self._loaded:
            if name not in self._stored:
                raise KeyError(name)
            self._loaded[name] = self._load(name)
        return self._loaded[name]

    def __contains__(self, name: object) -> bool:
        return name in self._stored

    def __iter__(self) -> Iterator[str]:
        return iter(self._stored)

    def __len__(self) -> int:
        return len(self._stored)


class Moment:
    """A run as it was at one position: read-only, loaded from its snapshot as far as it is looked at.

    Attributes
    ----------
    position
        The position on the run's line.
    record
        What the step that led here did; None at position 0.
    variables
        The variables as they were. Independent of the run's: changing one changes no history.
    """

    def __init__(
        self,
        position: int,
        record: StepRecord | None,
        manifest: Manifest,
        snapshots: Snapshots,
        *,
        maker: Callable[[str], str | None],
        rows: Callable[[], tuple[VariableRow, ...]] | None = None,
    ) -> None:
        self.position = position
        self.record = record
        self.manifest = manifest
        label = f"after {record.label!r} (position {position})" if record else "at the start (position 0)"
        self.variables = Variables(Stored(manifest, snapshots, maker), label, None, rows)

    def __getitem__(self, name: str) -> Any:
        """Return ``variables[name]``."""
        return self.variables[name]

    def _ipython_key_completions_(self) -> list[str]:
        return list(self.variables)

    def __repr__(self) -> str:
        return repr(self.variables)

    def _repr_html_(self) -> str:
        return self.variables._repr_html_()
