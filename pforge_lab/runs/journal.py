"""The keys of one run in a state manager, and the one atomic way to move it on.

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

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pforge_lab.errors import RunBusy, RunNotFound, StateConflict, StateCorrupt
from pforge_lab.runs.differences import Manifests
from pforge_lab.runs.encoding import decoded, encoded, moment
from pforge_lab.runs.generation import CREATED, GENERATION, ChunksCollected, token
from pforge_lab.runs.lease import SECONDS, holder, new_lease, renewer
from pforge_lab.runs.lines import Lines
from pforge_lab.runs.manifest import Manifest
from pforge_lab.runs.owner import Owner
from pforge_lab.runs.records import StepRecord
from pforge_lab.runs.retention import slim

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from pforge_lab.runs.records import RunStatus
    from pforge_lab.runs.retention import Keep, Place
    from pforge_lab.state import StateManager

PREFIX = "pforge/run/"
HEADS = "pforge/head/"
CARRIED = "pforge/carry/"
LEASES = "pforge/lease/"
FORMAT = 1


@dataclass(frozen=True)
class Head:
    """Where a run stands: the one value that every change of the run replaces.

    Attributes
    ----------
    status
        As stored; ``running`` with an owner that is gone means ``interrupted``.
    attempts
        Number of fail-fast attempts logged.
    carry
        Name under which the final variables are kept for the next run, or None.
    error
        The one-line error of the last attempt, while the status is ``failed``.
    keep, exclude
        Rules for snapshots and for variables, as they were given to ``start``.
    kept
        Lines and positions whose snapshot was not removed by that rule; None for all.
    """

    pipeline: str
    status: RunStatus
    lines: Lines
    steps_done: int
    steps_total: int
    created: datetime
    updated: datetime
    seconds: float = 0.0
    peak: int | None = None
    carry: str | None = None
    params: dict[str, str] = field(default_factory=dict)
    owner: Owner | None = None
    attempts: int = 0
    error: str | None = None
    keep: Keep = "all"
    exclude: tuple[str, ...] = ()
    kept: tuple[Place, ...] | None = None
    _text: tuple[Any, ...] = field(default=(), compare=False, repr=False)

    def seen_status(self) -> RunStatus:
        """Return the status as it is now: a run whose process is gone was interrupted."""
        gone = self.status == "running" and (self.owner is None or not self.owner.alive())
        return "interrupted" if gone else self.status

    def to_bytes(self) -> bytes:
        """Return the head as JSON; what stays the same while a run goes on is encoded once."""
        facts = self.__dict__
        if not self._text or any(facts[name] is not known for name, known in self._text[1]):
            fixed = {name: facts[name] for name in _FIXED}
            owner = self.owner and self.owner.to_json()
            text = encoded(fixed | {"format": FORMAT, "owner": owner})
            object.__setattr__(self, "_text", (text[:-1], tuple(fixed.items())))
        moving = {name: facts[name] for name in _MOVING}
        moving["lines"] = self.lines.to_json()
        start: bytes = self._text[0]
        return start + b"," + encoded(moving)[1:]

    def changed(self, **changes: Any) -> Head:
        """Return the head with changes, several times faster than ``dataclasses.replace``: each step makes one."""
        head = object.__new__(Head)
        head.__dict__.update(self.__dict__, **changes)
        return head

    @classmethod
    def from_bytes(cls, text: bytes) -> Head:
        """Make a head from what `to_bytes` returned."""
        data = decoded(text)
        if (number := data.pop("format")) != FORMAT:
            raise StateCorrupt(
                f"the run was written by another version (format {number}, this one reads {FORMAT})"
            )
        return cls(
            **data
            | {
                "lines": Lines.from_json(data["lines"]),
                "created": moment(data["created"]),
                "updated": moment(data["updated"]),
                "owner": data["owner"] and Owner.from_json(data["owner"]),
                "exclude": tuple(data["exclude"]),
                "kept": data["kept"] and tuple((line, position) for line, position in data["kept"]),
            },
        )


_FIXED = ("pipeline", "steps_total", "created", "carry", "params", "owner", "keep", "exclude")
_MOVING = ("status", "steps_done", "updated", "seconds", "peak", "attempts", "error", "kept")


class Journal:
    """One run in one state manager.

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
        self._lease_key = LEASES + run
        self._lease: bytes | None = None  # while this process advances the run
        self._manifests = Manifests(state, lambda line, position: self.key(line, position, "manifest"))
        self._generation = state.get(GENERATION)  # before it is looked which chunks are there

    def key(self, *parts: object) -> str:
        """Return the key of a part of the run."""
        return self._prefix + "/".join(
            f"{part:08d}" if isinstance(part, int) else str(part) for part in parts
        )

    def create(
        self, head: Head, definition: dict[str, Any], functions: bytes | None, start: Manifest
    ) -> None:
        """Write a new run: its definition and the variables at position 0, all or nothing.

        Raises
        ------
        ChunksCollected
            Chunks of the snapshot may have been collected since they were written: keep it again.
        """
        text = start.to_bytes()
        values = {self.key("definition"): encoded(definition), self.key(0, 0, "manifest"): text}
        if functions is not None:
            values[self.key("functions")] = functions
        self._write(head, values, keeps=True)
        self._manifests.wrote(0, 0, 0, start, text)

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

    @property
    def is_ours(self) -> bool:
        """Whether this process advances the run."""
        return self._lease is not None

    def begin(self, head: Head) -> None:
        """Take the lease and write the head, in one transaction.

        Raises
        ------
        RunBusy
            A live process holds the lease, or has moved the run on meanwhile.
        """
        self._lease, mine = self._free(), new_lease()
        try:
            self._write(head, {}, lease=mine)
        except BaseException:
            self._lease = None
            raise
        self._lease = mine
        renewer.add(self.state, self._lease_key)

    def _free(self) -> bytes | None:
        """Return the lease that a gone process has left, or None; refuse while a live one holds it."""
        before = self.state.get(self._lease_key)
        if before is None:
            return None
        owner = holder(before)
        if owner.alive() and not owner.is_me():
            raise self._busy(
                f"is being advanced by {owner}; wait for it, or look with at() and diff()", owner
            )
        return before

    def drop_lease(self) -> None:
        """Renew the lease no longer; what is left of it in the store is free once this process is gone."""
        renewer.remove(self.state, self._lease_key)
        self._lease = None

    def write_head(self, head: Head) -> None:
        """Replace the head alone; refused while another process advances the run."""
        if self._lease is None:
            self._free()
        self._write(head, {})

    def redefine(self, head: Head, definition: dict[str, Any]) -> None:
        """Replace the definition and the head, both or neither; refused while another process advances the run."""
        if self._lease is None:
            self._free()
        self._write(head, {self.key("definition"): encoded(definition)})

    def reseed(self, head: Head, start: Manifest) -> None:
        """Replace the variables at position 0, of a run that has gone nowhere yet.

        Raises
        ------
        ChunksCollected
            As `create`.
        """
        self._write(head, {self.key(0, 0, "manifest"): start.to_bytes()}, keeps=True)
        self._manifests.forget()

    def add(
        self,
        head: Head,
        record: StepRecord,
        manifest: Manifest,
        before: StepRecord | None = None,
        removed: Collection[Place] = (),
    ) -> None:
        """Write a record, the variables after it and the new head, all or nothing; snapshots are removed with it.

        Parameters
        ----------
        head, record, manifest
            What to write.
        before
            The record of the position before.
        removed
            Places whose snapshots go.

        Raises
        ------
        RunBusy
            Somebody else has moved the run on meanwhile; nothing was written.
        ChunksCollected
            As `create`.
        """
        line, position = head.lines.number, head.lines.position
        text, since = self._manifests.text(line, position, manifest, whole=head.keep != "all")
        values = {
            self.key(line, position, "record"): encoded(record.to_json(before)),
            self.key(line, position, "manifest"): text,
        }
        if head.carry is not None and head.status == "done":
            values[CARRIED + head.carry] = manifest.to_bytes()
        self._write(head, values | self._slimmed(removed, head, values), keeps=True)
        self._manifests.wrote(line, position, since, manifest, text)

    def add_attempt(self, head: Head, record: StepRecord, removed: Collection[Place] = ()) -> None:
        """Log a fail-fast attempt, which takes no position; snapshots are removed with it."""
        values = {self.key("attempt", head.attempts): encoded(record.to_json())}
        self._write(head, values | self._slimmed(removed, head, values))

    def _slimmed(
        self, places: Collection[Place], head: Head, values: Mapping[str, bytes]
    ) -> dict[str, bytes]:
        """Return the manifests at places without what they need chunks for."""
        if not places:
            return {}
        keys = [self.key(line, position, "manifest") for line, position in places]
        found = self.state.get_many([key for key in keys if key not in values])
        found |= {key: values[key] for key in keys if key in values}
        return {
            key: slim(Manifest.from_json(decoded(text)), head.keep).to_bytes() for key, text in found.items()
        }

    def exists(self) -> bool:
        """Return whether the store has the run."""
        return self.state.exists(self._head)

    def copy_from(
        self,
        other: Journal,
        path: list[int],
        head: Head,
        definition: dict[str, Any] | None = None,
        functions: bytes | None = None,
    ) -> None:
        """Write a new run whose one line has the records of ``other`` on the lines that ``path`` lists.

        Parameters
        ----------
        other, path, head
            The run, its lines, and where the new one stands.
        definition, functions
            Other ones than those of the run.

        Raises
        ------
        RunNotFound
            The other run was deleted meanwhile.
        ChunksCollected
            As `create`.
        """
        values: dict[str, bytes] = {}
        for position, number in enumerate(path):
            for kind in ("record", "manifest"):
                value = other.state.get(other.key(number, position, kind))
                if value is not None:
                    values[self.key(0, position, kind)] = value
        if not other.exists():
            raise other.deleted()
        if definition is None:
            definition, functions = other.definition(), other.functions()
        values[self.key("definition")] = encoded(definition)
        if functions is not None:
            values[self.key("functions")] = functions
        self._write(head, values, keeps=True)

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

    def restore(self, head: Head, parts: Mapping[str, bytes]) -> None:
        """Write a new run of parts that `parts` returned.

        Raises
        ------
        ChunksCollected
            As `create`.
        """
        self._write(head, {self._prefix + name: value for name, value in parts.items()}, keeps=True)

    def delete(self) -> None:
        """Remove the run, all or nothing; its chunks are left to the next collection.

        Raises
        ------
        RunBusy
            A live process advances it.
        RunNotFound
            The store has no such run.
        """
        self.read_head()
        guard = {self._head: self._seen, self._lease_key: self._free()}
        try:
            with self.state.batch(guard) as batch:
                for key in [*self.state.keys(self._prefix), self._lease_key, self._head]:
                    batch.delete(key)
        except StateConflict:
            raise self._moved_on() from None

    def deleted(self) -> RunNotFound:
        """Return the error that a run which was deleted meanwhile raises."""
        return RunNotFound(f"run {self.run} was deleted from {self.state.url} meanwhile", run=self.run)

    def _write(
        self, head: Head, values: dict[str, bytes], *, lease: bytes | None = None, keeps: bool = False
    ) -> None:
        """Change the run, guarded; a head that is no longer ``running`` gives the lease back.

        Parameters
        ----------
        lease
            The lease to take in the same transaction.
        keeps
            The values name chunks.
        """
        release = self._lease is not None and head.status != "running"
        text = head.to_bytes()
        guard = {self._head: self._seen}
        if lease is not None or self._lease is not None:
            guard[self._lease_key] = self._lease
        if keeps:
            guard[GENERATION] = self._generation
        try:
            with self.state.batch(guard=guard) as batch:
                for key, value in values.items():
                    batch.set(key, value, ttl=math.inf)  # whatever the store's own expiry is
                if self._seen is None:
                    batch.set(CREATED, token(), ttl=math.inf)
                batch.set(self._head, text, ttl=math.inf)
                if lease is not None:
                    batch.set(self._lease_key, lease, ttl=SECONDS)
                elif release:
                    batch.delete(self._lease_key)
        except StateConflict as error:
            if error.keys == (GENERATION,):
                self._generation = self.state.get(GENERATION)
                raise ChunksCollected(str(error), url=self.state.url, keys=error.keys) from None
            raise self._moved_on() from None
        self._seen = text
        if release:
            self.drop_lease()

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
        return dict(decoded(self._need("definition")))

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

    def _missing(self, key: str) -> StateCorrupt:
        return StateCorrupt(f"run {self.run} in {self.state.url} lacks {key}", url=self.state.url)


def part_names(head: Head) -> list[str]:
    """Return the names of what a run of that head consists of, but for functions, which it may not have."""
    names = ["definition"]
    for line, position in head.lines.places():
        place = f"{line:08d}/{position:08d}/"
        names += [place + "record", place + "manifest"] if position else [place + "manifest"]
    return names + [f"attempt/{number:08d}" for number in range(1, head.attempts + 1)]


def heads(state: StateManager) -> dict[str, Head]:
    """Return the heads of all runs in a store, by run id."""
    found = state.get_many(state.keys(HEADS))
    return {key.removeprefix(HEADS): Head.from_bytes(text) for key, text in found.items()}


def carried(state: StateManager, name: str) -> Manifest | None:
    """Return the snapshot that runs carry on under a name, or None before the first one is done."""
    text = state.get(CARRIED + name)
    return None if text is None else Manifest.from_json(decoded(text))


def touched(head: Head, **changes: Any) -> Head:
    """Return the head with changes, updated now."""
    return head.changed(updated=datetime.now(UTC), **changes)
