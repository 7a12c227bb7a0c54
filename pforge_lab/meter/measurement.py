"""The meter of this process, and a block measured with it."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Self

from pforge_lab.errors import UsageError
from pforge_lab.meter.scopes import Meter, Scope

if TYPE_CHECKING:
    from types import TracebackType

    from pforge_lab.meter.reading import Reading


class Measurement:
    """A scope as a context manager, as ``measure`` returns it.

    Parameters
    ----------
    meter
        What measures.

    Examples
    --------
    >>> with Measurement(Meter()) as measured:
    ...     total = sum(range(1000))
    >>> measured.reading.shared
    False
    """

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._scope: Scope | None = None
        self._reading: Reading | None = None

    @property
    def reading(self) -> Reading:
        """What happened between the beginning and the end of the block.

        Raises
        ------
        UsageError
            While the block has not ended.
        """
        if self._reading is None:
            raise UsageError("the measurement is not over yet: read it after the with block")
        return self._reading

    def __enter__(self) -> Self:
        self._scope = self._meter.enter()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._scope is not None:
            self._reading = self._meter.exit(self._scope)


_meter = Meter()
if sys.platform != "win32":
    os.register_at_fork(
        before=_meter.before_fork,
        after_in_parent=_meter.after_fork_in_parent,
        after_in_child=_meter.after_fork_in_child,
    )
enter = _meter.enter
exit = _meter.exit  # noqa: A001 - pairs with enter
lifetime_peak = _meter.lifetime_peak


def measure() -> Measurement:
    """Measure the block of a ``with`` statement.

    Examples
    --------
    >>> with measure() as measured:
    ...     total = sum(range(1000))
    >>> measured.reading.peak >= measured.reading.before
    True
    """
    return Measurement(_meter)
