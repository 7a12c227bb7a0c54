"""Where the intact part of a file ends, and whether that is where it should."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from pforge_lab.errors import StateCorrupt
from pforge_lab.state.recovery import Recovery
from pforge_lab.state.zodb.durable import create_private
from pforge_lab.state.zodb.room import MARK_BYTES, is_empty
from pforge_lab.state.zodb.scan import MAGIC, START, BrokenTransaction, walk

if TYPE_CHECKING:
    from pathlib import Path

    from pforge_lab.state.zodb.acknowledged import Note


@dataclass(frozen=True, slots=True)
class Ending:
    """Where the intact part of a file ends.

    Attributes
    ----------
    position
        Its last byte, plus one.
    tid
        Its last transaction.
    broken
        What is wrong with what follows; None if nothing follows but room.
    """

    position: int
    tid: bytes
    broken: BrokenTransaction | None

    def __str__(self) -> str:
        """Return what is wrong with a file that should go on."""
        return str(self.broken or f"it ends at byte {self.position:,}, before what was stored last")


def find_ending(file: BinaryIO, position: int, tid: bytes) -> Ending:
    """Return where the intact part of ``file`` ends, believing it up to ``position``."""
    try:
        for seen in walk(file, position, tid):
            position, tid = seen.end, seen.tid
    except BrokenTransaction as broken:
        return Ending(position, tid, broken)
    if not is_empty(file, position + MARK_BYTES):  # the mark is not in the way of what comes before it
        torn = BrokenTransaction("a transaction was begun and not finished", position, torn=True)
        return Ending(position, tid, torn)
    return Ending(position, tid, None)


def check_magic(file: BinaryIO, path: Path, url: str) -> None:
    """Raise if ``file`` is neither empty nor a ZODB file."""
    file.seek(0)
    start = file.read(START)
    if start not in (b"", MAGIC):
        raise StateCorrupt(
            f"{path} is no ZODB file (it begins with {start!r}); nothing was written, give another path",
            url=url,
        )


def judge(
    ending: Ending, promised: bytes | None, note: Note | None, path: Path, url: str, *, recover: bool
) -> Recovery | None:
    """Return what has to be reported about the end of a file; nothing is written here.

    Parameters
    ----------
    promised
        The last transaction that is known to have been acknowledged; None if nothing tells.
    note
        Where that is known from, and whether the disk may be behind.
    recover
        Whether the user accepts a loss.

    Raises
    ------
    StateCorrupt
        If something that was acknowledged is gone or damaged.
    """
    lost = promised is not None and ending.tid < promised
    unknown = promised is None and ending.broken is not None and not ending.broken.torn
    if ((lost and not (note and note.relaxed)) or unknown) and not recover:
        raise StateCorrupt(
            f"{path} is damaged: {ending}; nothing was written. Take a backup, or keep what comes before the damage: open_state({url!r}, recover=True)",
            url=url,
        )
    if lost:
        return Recovery(path, str(ending.broken or "its end is missing"), lost=True)
    if ending.broken:
        return Recovery(path, str(ending.broken), lost=None if unknown else False)
    return None


def cut(file: BinaryIO, position: int, path: Path) -> Path | None:
    """Cut ``file`` off at ``position`` and keep what follows in a file of its own; return that."""
    if file.seek(0, 2) <= position:
        return None
    number = 0
    while (saved := path.with_name(f"{path.name}.tr{number}")).exists():
        number += 1
    create_private(saved)
    file.seek(position)
    with saved.open("wb") as copy:
        while block := file.read(1 << 20):
            copy.write(block)
    file.seek(position)
    file.truncate()
    file.flush()
    return saved
