"""Long lists, dicts and texts: what a change of one element takes in the store, and that it comes back right."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings, strategies as st

import pforge_lab as pf
from pforge_lab.runs import coding
from pforge_lab.runs.chunks import PREFIX, Chunks
from pforge_lab.runs.collection import collect_chunks
from pforge_lab.runs.cutting import CHUNK
from pforge_lab.runs.snapshots import Snapshots


def stored(state):
    """Return the bytes of all chunks."""
    return sum(len(state.get(key)) for key in state.keys(PREFIX))


def ints():
    return list(range(1_000_000))


def floats_by_name():
    draw = random.Random(1)
    return {f"key {number}": draw.random() for number in range(100_000)}


def records():
    draw = random.Random(2)
    return [{"id": number, "name": f"n{number}", "value": draw.random()} for number in range(30_000)]


def texts():
    draw = random.Random(3)
    return [f"text {draw.random()}" for _ in range(100_000)]


CHANGES = {
    "an int": (ints, lambda x: x.__setitem__(500_000, 500_001)),
    "an int of another length": (ints, lambda x: x.__setitem__(300_000, 3)),
    "an int in front": (ints, lambda x: x.insert(0, -1)),
    "an int behind": (ints, lambda x: x.append(7)),
    "a value": (floats_by_name, lambda x: x.__setitem__("key 500", 0.5)),
    "a value of another length": (floats_by_name, lambda x: x.__setitem__("key 300", None)),
    "a key more": (floats_by_name, lambda x: x.__setitem__("new", 0.1)),
    "the first key less": (floats_by_name, lambda x: x.pop("key 0")),
    "a record": (records, lambda x: x[20_000].update(value=0.25)),
    "a field more": (records, lambda x: x[10].update(extra=1)),
    "a record less": (records, lambda x: x.pop(1000)),
    "a longer text": (texts, lambda x: x.__setitem__(2000, "longer" * 9)),
    "the first text less": (texts, lambda x: x.pop(0)),
}


@pytest.mark.parametrize("name", CHANGES)
def test_one_changed_element_takes_little(memory, name):
    """At most 20 kB, of values that take 0.3 to 5 MB; what comes back is what was kept."""
    make, change = CHANGES[name]
    value = make()
    with pf.open_state(memory) as state:
        snapshots = Snapshots(state)
        first = snapshots.take({"x": value})
        before = stored(state)
        change(value)
        second = snapshots.take({"x": value}, first, {"x"})
        assert before > 300_000
        assert stored(state) - before <= 20_000
        assert len(second.to_bytes()) < 3000
        fresh = Snapshots(state)
        assert fresh.load(second)["x"] == value
        assert fresh.load(first)["x"] == make()


def test_what_is_one_object_in_a_long_list_is_one_after_restoring(memory):
    """Aliases stay, within the list and with other variables."""
    shared = {"n": 1}
    rows = [{"number": number, "of": shared} for number in range(20_000)]
    rows.append(rows)
    with pf.open_state(memory) as state:
        snapshots = Snapshots(state)
        first = snapshots.take({"rows": rows, "shared": shared})
        rows[5] = {"number": -1, "of": shared}
        back = snapshots.load(snapshots.take({"rows": rows, "shared": shared}, first, {"rows"}))
    assert back["rows"][5]["of"] is back["rows"][19_999]["of"] is back["shared"]
    assert back["rows"][-1] is back["rows"]


def test_a_run_of_small_changes_stays_small_and_right(memory):
    """A difference is never to another difference, however many follow one another."""
    draw = random.Random(4)
    value = texts()
    with pf.open_state(memory) as state:
        snapshots = Snapshots(state)
        manifest = snapshots.take({"x": value})
        before, kept = stored(state), []
        for _ in range(30):
            value[draw.randrange(len(value))] = f"changed {draw.random()}"
            manifest = snapshots.take({"x": value}, manifest, {"x"})
            kept.append((manifest, list(value)))
        assert stored(state) - before < 30 * 5000
        for manifest, expected in kept[::7]:
            assert Snapshots(state).load(manifest)["x"] == expected


def test_chunks_that_others_differ_from_are_not_collected(memory):
    """A later snapshot is whole after the run it differs from is gone."""

    def make():
        return texts()

    def change(make):
        make[50_000] = "changed"
        return len(make)

    with pf.open_state(memory) as state:
        run = pf.Pipeline.from_functions("p", make, change).start(state=state, keep=1)
        run.finish()
        collect_chunks(state)
        names = {key.removeprefix(PREFIX) for key in state.keys(PREFIX)}
        assert names >= run.timeline.manifest(2).chunk_ids()
        value = run.at(2)["make"]
    assert value[50_000] == "changed"
    assert value[50_001:] == texts()[50_001:]


def test_a_changed_long_list_can_be_exported_and_imported(memory, tmp_path):
    """What is kept as a difference goes along with what it differs from."""

    def make():
        return texts()

    def change(make):
        make.insert(7, "inserted")

    with pf.open_state(memory) as state, pf.open_state(f"{memory}-other") as other:
        run = pf.Pipeline.from_functions("p", make, change).start(state=state)
        run.finish()
        pf.export_run(run, tmp_path / "run.pfz")
        again = pf.import_run(tmp_path / "run.pfz", state=other)
        assert again.at(2)["make"][7] == "inserted"
        assert again.at(1)["make"] == texts()


@given(
    seed=st.integers(0, 99),
    cuts=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 3 * CHUNK), st.binary(max_size=50)), max_size=4),
    noise=st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_bytes_that_are_inserted_and_removed_come_back(seed, cuts, noise):
    """Whatever moves where, of noise and of what can be compressed."""
    draw = random.Random(seed)
    data = draw.randbytes(5 * CHUNK + 7) if noise else b"".join(b"row %d;" % n for n in range(160_000))
    with pf.open_state(f"memory:moving-{random.random()}") as state:
        chunks = Chunks(state)
        before = chunks.put(memoryview(data), moving=True)
        for share, removed, inserted in cuts:
            place = int(share * len(data))
            data = data[:place] + inserted + data[place + removed :]
            before = chunks.put(memoryview(data), before, moving=True)
            chunks.flush()
            assert Chunks(state).get(before.ids, before.size) == data
            kept = {state.get(PREFIX + name) for name in (*before.ids, *before.bases)}
            assert {coding.base_of(coded) for coded in kept} - {None} <= {*before.ids, *before.bases}
