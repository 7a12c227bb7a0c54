"""The keys of one run in a state manager, and what stands under them.

::

    pforge/head/ID                          status, lines, position, owner, totals
    pforge/lease/ID                         who is advancing the run, with an expiry
    pforge/run/ID/definition                pipeline, parameters, where it came from
    pforge/run/ID/functions                 notebook functions, signed
    pforge/run/ID/LINE/POSITION/record      what the step did
    pforge/run/ID/LINE/POSITION/manifest    the variables after it
    pforge/run/ID/attempt/N                 fail-fast attempts, which take no position
    pforge/carry/NAME                       final variables that the next run starts with
    pforge/chunk/HASH                       shared by all runs of the store
    pforge/chunks/generation, created       what writing and collecting chunks prove to each other
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pforge_lab.errors import RunBusy, RunNotFound, StateCorrupt
from pforge_lab.runs.cell import with_steps
from pforge_lab.runs.differences import Manifests
from pforge_lab.runs.encoding import decoded
from pforge_lab.runs.head import HEADS, Head
from pforge_lab.runs.manifest import Manifest
from pforge_lab.runs.records import StepRecord

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pforge_lab.runs.owner import Owner
    from pforge_lab.state import StateManager

PREFIX = "pforge/run/"
CARRIED = "pforge/carry/"
LEASES = "pforge/lease/"


class Pages:
    """What one run has written, to be read.

    Parameters
    ----------
    state
        The store.
    run
        The run's id.
    """

    def __init__(self, state: StateManager, run: str) -> None:
        self.state = state
        self.run = run
        self._prefix = f"{PREFIX}{run}/"
        self._head = HEADS + run
        self._seen: bytes | None = None  # the head as last read or written: the guard of the next change
        self._manifests = Manifests(state, lambda line, position: self.place_key(line, position, "manifest"))

    def key(self, *parts: object) -> str:
        """Return the key of a part of the run."""
        return self._prefix + "/".join(
            f"{part:08d}" if isinstance(part, int) else str(part) for part in parts
        )

    def place_key(self, line: int, position: int, kind: str) -> str:
        """Return the key of what stands at a position of a line: its ``record`` or its ``manifest``."""
        return f"{self._prefix}{line:08d}/{position:08d}/{kind}"

    def read_head(self) -> Head:
        """Return where the run stands.

        Raises
        ------
        RunNotFound
            The store has no such run.
        """
        text = self.state.get(self._head)
        if text is None:
            raise RunNotFound(f"there is no run {self.run!r} in {self.state.url}", run=self.run)
        self._seen = text
        return Head.from_bytes(text)

    def is_behind(self) -> bool:
        """Return whether the head in the store is another one than was last read or written here.

        Raises
        ------
        RunNotFound
            The run was deleted meanwhile.
        """
        text = self.state.get(self._head)
        if text is None:
            raise self.deleted()
        return text != self._seen

    def exists(self) -> bool:
        """Return whether the store has the run."""
        return self.state.exists(self._head)

    def parts(self, head: Head) -> dict[str, bytes]:
        """Return all that the run consisted of when it had that head, by name.

        Raises
        ------
        StateCorrupt
            A part is missing.
        """
        wanted = part_names(head)
        found = self.state.get_many([self._prefix + name for name in [*wanted, "functions"]])
        missing = [name for name in wanted if self._prefix + name not in found]
        if missing:
            raise self._missing(self._prefix + missing[0])
        return {key.removeprefix(self._prefix): value for key, value in found.items()}

    def deleted(self) -> RunNotFound:
        """Return the error that a run which was deleted meanwhile raises."""
        return RunNotFound(f"run {self.run} was deleted from {self.state.url} meanwhile", run=self.run)

    def _moved_on(self) -> RunBusy | RunNotFound:
        """Return the error that says what somebody else has done to the run meanwhile."""
        text = self.state.get(self._head)
        if text is None:
            return self.deleted()
        now = Head.from_bytes(text)
        return self._busy(
            f"was moved on by {now.owner or 'somebody else'}; open it again with pf.open_run({self.run!r}) "
            f"to go on from position {now.lines.position}",
            now.owner,
        )

    def _busy(self, text: str, owner: Owner | None) -> RunBusy:
        return RunBusy(
            f"run {self.run} {text}",
            run=self.run,
            owner=str(owner) if owner else None,
            since=owner.since if owner else None,
        )

    def definition(self) -> dict[str, Any]:
        """Return the pipeline, the parameters and where they came from."""
        found = dict(decoded(self._need("definition")))
        if not found.get("cells"):
            return found
        seen = self._seen or self.state.get(self._head)
        if seen is None:
            raise self.deleted()
        return with_steps(found, Head.from_bytes(seen).steps_total)

    def functions(self) -> bytes | None:
        """Return the signed functions of the notebook, or None."""
        return self.state.get(self.key("functions"))

    def manifest(self, line: int, position: int) -> Manifest:
        """Return the snapshot at a position of a line."""
        try:
            return self._manifests.read(line, position)
        except LookupError:
            raise self._missing(self.key(line, position, "manifest")) from None

    def records(self, path: list[int], known: Sequence[StepRecord] = ()) -> list[StepRecord]:
        """Return the records of positions 1, 2, … whose lines ``path`` lists from position 0.

        Parameters
        ----------
        path
            Lines by position.
        known
            The first of these records, which are not read again.
        """
        keys = [self.key(line, position, "record") for position, line in enumerate(path)][1 + len(known) :]
        found = self.state.get_many(keys)
        missing = [key for key in keys if key not in found]
        if missing:
            raise self._missing(missing[0])
        records = [*known]
        for key in keys:
            records.append(StepRecord.from_json(decoded(found[key]), records[-1] if records else None))
        return records

    def attempt(self, number: int) -> StepRecord:
        """Return a logged attempt; the first is 1."""
        return StepRecord.from_json(decoded(self._need("attempt", number)))

    def _need(self, *parts: object) -> bytes:
        value = self.state.get(self.key(*parts))
        if value is None:
            raise self._missing(self.key(*parts))
        return value

    def _missing(self, key: str) -> StateCorrupt | RunNotFound:
        if not self.exists():
            return self.deleted()
        return StateCorrupt(f"run {self.run} in {self.state.url} lacks {key}", url=self.state.url)


def part_names(head: Head) -> list[str]:
    """Return the names of what a run of that head consists of, but for functions, which it may not have."""
    names = ["definition"]
    for line, position in head.lines.places():
        place = f"{line:08d}/{position:08d}/"
        names += [place + "record", place + "manifest"] if position else [place + "manifest"]
    return names + [f"attempt/{number:08d}" for number in range(1, head.attempts + 1)]


def carried(state: StateManager, name: str) -> Manifest | None:
    """Return the snapshot that runs carry on under a name, or None before the first one is done."""
    text = state.get(CARRIED + name)
    return None if text is None else Manifest.from_json(decoded(text))
