"""When to compact a file, and whether there is room to."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

from ZODB.FileStorage import FileStorage

from pforge_lab.errors import StateFull
from pforge_lab.state.zodb.durable import sync_path

if TYPE_CHECKING:
    from pathlib import Path

    from pforge_lab.state.zodb.writing import WritingStorage

#: A file is compacted when it has grown to this many times its compacted size ...
GROWTH = 4
#: ... and is larger than this; when it is closed, the second figure counts.
WHILE_OPEN = 64 << 20
WHEN_CLOSED = 256 << 10


class CompactionPolicy:
    """Compact so rarely that it costs a fraction of the writing, and so often that the disk is not wasted.

    A file grows to at most four times what it was when it was last compacted, or to 64 MB.
    Large values lie in files of their own; the file is also compacted when the replaced
    ones sum up to more than the file itself and 64 MB.

    Examples
    --------
    >>> policy = CompactionPolicy()
    >>> policy.due(size=100 << 20, packed=20 << 20), policy.due(size=60 << 20, packed=1 << 20)
    (True, False)
    """

    def __init__(self) -> None:
        self.dead = 0

    def count_dead(self, size: int) -> None:
        """Note that a large value of ``size`` bytes has been replaced or removed."""
        self.dead += size

    def due(self, *, size: int, packed: int, closing: bool = False) -> bool:
        """Return whether a file of ``size`` bytes that last had ``packed`` is to be compacted."""
        least = WHEN_CLOSED if closing else WHILE_OPEN
        return (size > GROWTH * packed and size > least) or self.dead > max(size, least)


def check_room(path: Path, size: int, url: str) -> None:
    """Raise if the disk has no room for a copy of ``size`` bytes.

    Raises
    ------
    StateFull
        If it has not. Nothing was changed.
    """
    free = shutil.disk_usage(path.parent).free
    if free < size:
        raise StateFull(
            f"{path} was not compacted: that may take {size:,} bytes and {free:,} are free on its disk; free some space first",
            url=url,
        )


def pack_durably(storage: WritingStorage, referencesf: Any, stop: bytes, gc: bool) -> Any:
    """Write the compacted file as ZODB does, sync it, and note its size."""
    before = storage.getSize()
    result = FileStorage.packer(storage, referencesf, stop, gc)
    if result is None:
        storage.packed = before
        return None
    sync_path(storage.path.with_name(storage.path.name + ".pack"))
    written_meanwhile = storage.getSize() - before  # copied as it is, whether it is current or not
    storage.packed = result[0] - written_meanwhile
    return result
