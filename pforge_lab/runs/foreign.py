"""What of a run is signed with another key, and what it would have built when it is trusted."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from pforge_lab.runs import functions
from pforge_lab.runs.journal import Journal
from pforge_lab.runs.snapshots import Snapshots
from pforge_lab.safelist import is_safe
from pforge_lab.stream_names import names_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pforge_lab.runs.manifest import Manifest
    from pforge_lab.runs.run import Run


@dataclass(frozen=True, slots=True)
class Foreign:
    """What trusting a run would allow.

    Attributes
    ----------
    snapshots
        How many of its snapshots are signed with another key, or with none.
    functions
        Its notebook functions, when they are.
    names
        Classes and functions beyond the safe list, with the variables and functions that name them.
    unread
        Variables whose names could not be read to the end, with the reason: there may be more.
    """

    snapshots: int
    functions: tuple[str, ...]
    names: dict[str, tuple[str, ...]]
    unread: dict[str, str]

    def __bool__(self) -> bool:
        return bool(self.snapshots or self.functions)

    def __str__(self) -> str:
        """Return a line per name, and what there is beside them."""
        lines = [f"  {name}  in {', '.join(where)}" for name, where in self.names.items()]
        lines += [
            f"  anything else  in {where}, which cannot be read ({why})" for where, why in self.unread.items()
        ]
        if not lines:
            return "nothing beyond the safe list"
        return "\n".join(["these may be imported and called:", *lines])


def foreign(run: Run) -> Foreign:
    """Return what trusting a run would allow; builds and imports nothing.

    Raises
    ------
    StateCorrupt
        A manifest or a chunk is missing or damaged.

    Notes
    -----
    Reads each pickle stream once that is signed with another key, about 1 s per 2 million objects.

    Examples
    --------
    >>> import pforge_lab as pf
    >>> def one(): return 1
    >>> bool(foreign(pf.Pipeline.from_functions("p", one).start(state="memory:")))
    False
    """
    journal = Journal(run.state, run.id)
    kept = journal.functions()
    tools = () if kept is None or functions.are_ours(kept) else tuple(functions.tools_of(kept))
    manifests = (journal.manifest(*place) for place in journal.read_head().lines.places())
    others = [manifest for manifest in manifests if not manifest.is_ours]
    names: dict[tuple[str, str], dict[str, None]] = {}
    unread: dict[str, str] = {}
    streams = _streams(Snapshots(run.state), others)
    if kept is not None and tools:
        streams = chain(streams, [(f"the functions {', '.join(tools)}", functions.stream_of(kept))])
    for where, stream in streams:
        found, wrong = names_in(stream)
        for pair in found:
            if not is_safe(*pair):
                names.setdefault(pair, {})[where] = None
        if wrong:
            unread[where] = wrong
    ordered = {".".join(pair): tuple(names[pair]) for pair in sorted(names)}
    return Foreign(len(others), tools, ordered, unread)


def _streams(snapshots: Snapshots, manifests: Iterable[Manifest]) -> Iterator[tuple[str, bytes]]:
    """Yield each stream once, with the names of its variables."""
    seen: set[str] = set()
    for group in (group for manifest in manifests for group in manifest.groups):
        if group.digest not in seen:
            seen.add(group.digest)
            yield ", ".join(name or "an output" for name in group.names), snapshots.stream(group)
