"""After a step that wrote nothing but numbers and texts, snapshots and accounts are made a shorter way."""

from __future__ import annotations

from hypothesis import given, settings, strategies as st

from pforge_lab.runs.ledger import Ledger
from pforge_lab.runs.snapshots import Snapshots
from pforge_lab.state import open_state

_TEXTS = ["long " * 400, "short", "of two variables " * 3]  # the same objects, so that variables share them
_ATOMS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.binary(max_size=40),
    st.sampled_from(_TEXTS),
)
_MOVES = st.lists(
    st.dictionaries(
        st.sampled_from("abcd"),
        st.one_of(_ATOMS.map(lambda value: (value,)), st.just(()), st.just(([1],))),  # a value, or nothing
        min_size=1,
    ),
    max_size=8,
)


def moved(variables, move):
    """Return the variables after a move."""
    gone = {name for name, value in move.items() if not value}
    there = {name: value for name, value in variables.items() if name not in gone}
    return there | {name: value[0] for name, value in move.items() if value}


@settings(deadline=None)
@given(_MOVES)
def test_the_shorter_way_to_a_snapshot_leads_to_the_same(moves):
    """Whatever is written, over or removed; none where a list is written, or variables share one."""
    with open_state("memory:") as state:
        snapshots = Snapshots(state)
        variables, before = {"a": 1, "z": "text"}, snapshots.take({"a": 1, "z": "text"})
        for move in moves:
            variables = moved(variables, move)
            whole = snapshots.take(variables, before, set(move), flush=False)
            short = snapshots.take_atoms(variables, before, set(move))
            if before.followers or any(isinstance(variables.get(name), list) for name in move):
                assert short is None
            else:
                assert short == whole
                assert list(short.prints) == list(whole.prints) == list(variables)
                assert short.looked == whole.looked
                assert short.to_bytes() == whole.to_bytes()
                assert short.followers == {}
            before = whole


@settings(deadline=None)
@given(_MOVES)
def test_the_shorter_way_to_an_account_leads_to_the_same(moves):
    """Also where variables have the same text, which counts once, and where they have it no longer."""
    short, whole, variables = Ledger(), Ledger(), {}
    for move in moves:
        variables = moved(variables, move)
        expected = whole.examine(variables, changed=set(move), among=set(move))
        found = short.counted(variables, set(move))
        found = found or short.examine(variables, changed=set(move), among=set(move))
        assert found == expected
        assert list(found.sizes) == list(variables)
