"""Somebody else's run made one's own, as far as trust goes: signed with the user's key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pforge_lab.runs import api, functions
from pforge_lab.runs.encoding import decoded, encoded
from pforge_lab.runs.generation import until_kept
from pforge_lab.runs.journal import Journal
from pforge_lab.runs.pages import PREFIX
from pforge_lab.runs.surroundings import signed_anew

if TYPE_CHECKING:
    from pforge_lab.runs.head import Head
    from pforge_lab.runs.run import Run


@dataclass(frozen=True, slots=True)
class Endorsed:
    """A run that was signed.

    Attributes
    ----------
    run
        The run, opened again: what was refused before loads.
    snapshots
        How many of its snapshots were signed with another key, or with none.
    functions
        Whether its notebook functions were.
    """

    run: Run
    snapshots: int
    functions: bool


def endorse(run: Run) -> Endorsed:
    """Sign all snapshots of a run, its notebook's functions and where its cells found modules, with the user's key.

    That is the decision to trust whoever wrote it: from then on what it holds is loaded in full, which may
    run code of theirs. Nothing is loaded here. The run is signed whole or not at all.

    Raises
    ------
    RunBusy
        Somebody has moved the run on meanwhile.
    StateReadOnly
        The store is open for looking only, as while a live process holds it.

    Notes
    -----
    Costs a read of every manifest of the run, and a write of those that were signed with another key; no
    chunk is read.

    Examples
    --------
    >>> import pforge_lab as pf
    >>> def one(): return 1
    >>> run = pf.Pipeline.from_functions("p", one).start(state="memory:")
    >>> endorse(run).snapshots  # it is the user's own
    0
    """
    journal = Journal(run.state, run.id)
    snapshots = 0

    def keep() -> bool:
        nonlocal snapshots
        head, parts = journal.read_head(), {}
        for line, position in head.lines.places():
            manifest = journal.manifest(line, position)
            ours = manifest.with_those_of(manifest, set()).to_bytes()  # the same, but for who signed it
            if ours != manifest.to_bytes():
                parts[f"{line:08d}/{position:08d}/manifest"] = ours
        snapshots = len(parts)
        parts |= _surroundings(journal, head)
        kept = journal.functions()
        if kept is not None and (ours := functions.signed_anew(kept)) != kept:
            parts["functions"] = ours
        if parts:
            journal.restore(head, parts)
        return "functions" in parts

    signed = until_kept(keep)
    api.forget(run)
    return Endorsed(api.open_run(run.id, state=run.state), snapshots, signed)


def _surroundings(journal: Journal, head: Head) -> dict[str, bytes]:
    """Return the records whose changes of their surroundings are signed with another key, signed with the user's."""
    names = [f"{line:08d}/{at:08d}/record" for line, at in head.lines.places() if at]
    texts = {name: journal.state.get(f"{PREFIX}{journal.run}/{name}") for name in names}
    found = {name: decoded(text) for name, text in texts.items() if text is not None}
    return {
        name: encoded(record | {"around": anew})
        for name, record in found.items()
        if (around := record.get("around")) and (anew := signed_anew(around)) != around
    }
