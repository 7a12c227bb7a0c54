"""The true peak of resident memory inside a step, without sampling.

On Linux the kernel itself keeps the highest resident size of a process. ``enter`` resets that
mark and ``exit`` reads it, so a spike of a millisecond, or one under the GIL, is seen exactly;
the price is a few microseconds a step. Elsewhere the reading names what was used instead, and
``exact`` is False unless the process's lifetime peak rose within the step.

Resetting the mark also lowers what ``resource.getrusage(...).ru_maxrss`` reports for this
process: ask ``lifetime_peak`` instead. For the same reason nothing else may reset the mark of
this process (``/proc/PID/clear_refs``) while a scope is open.

Examples
--------
>>> from mmap import mmap
>>> with measure() as measured, mmap(-1, 50_000_000) as block:  # fresh pages, not freed ones of the heap
...     written = block.write(bytes(50_000_000))
...     block.close()
>>> measured.reading.peak - measured.reading.after > 49_000_000
True
"""

from __future__ import annotations

from pforge_lab.meter.allocators import AllocatorTotals, allocators, return_freed_memory
from pforge_lab.meter.limit import memory_limit
from pforge_lab.meter.measurement import Measurement, enter, exit, lifetime_peak, measure  # noqa: A004 - pairs with enter
from pforge_lab.meter.reading import Reading
from pforge_lab.meter.scopes import Meter, Scope

__all__ = [
    "AllocatorTotals",
    "Measurement",
    "Meter",
    "Reading",
    "Scope",
    "allocators",
    "enter",
    "exit",
    "lifetime_peak",
    "measure",
    "memory_limit",
    "return_freed_memory",
]
