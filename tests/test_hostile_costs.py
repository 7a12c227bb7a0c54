"""Streams of a few bytes that would take forever, or more stack than there is: refused at once."""

from __future__ import annotations

import collections
import decimal
import fractions
import json
import pickle
import subprocess
import sys
import textwrap

import numpy as np
import polars as pl
import pyarrow as pa

from pforge_lab import memory
from pforge_lab.serialization import pack, unpack
from tests.hostile import KEEP, TAKE, Call, Stream, new, part, stream


def doubled(times):
    """Return the stream of a pair of one value twice, which is a pair itself, and so on."""
    return Stream(part(1) + (KEEP + TAKE + b"\x86") * times)


HUGE = decimal.Decimal("1e999999999")
DEEP = Stream(b")" + b"\x85" * 1_000_000)
WIDE = doubled(60)


def nested(function, inner, times):
    """Return the stream of a type within itself many times."""
    for _ in range(times):
        inner = Stream(part(Call(function, inner)))
    return inner


def polars_lists(times):
    """Return the stream of a list of lists of lists."""
    inner = Stream(part(new(pl.List, {"inner": pl.Int8})))
    for _ in range(times):
        inner = Stream(part(new(pl.List, {"inner": inner})))
    return inner


HOSTILE = {
    "a whole number of a large decimal": Call(int, HUGE),
    "a number of a large decimal": Call(float, HUGE),
    "a fraction of a large decimal": Call(fractions.Fraction, HUGE),
    "a fraction of a text": Call(fractions.Fraction, "1e999999999"),
    "a fraction of large numbers": Call(fractions.Fraction, 3**300_000, 7**300_000),
    "a number of a long text": Call(int, "7" * 4000),
    "a number of digits to another base": Call(int, "1" * 1_000_000, 3),
    "a text of a large range": Call(str, range(10)),
    "bytes": Call(bytes, 3 << 30),
    "a bytearray": Call(bytearray, 3 << 30),
    "a list of a range": Call(list, range(1 << 60)),
    "a tuple of a range": Call(tuple, range(1 << 60)),
    "a set of a range": Call(set, range(1 << 60)),
    "a frozenset of a range": Call(frozenset, range(1 << 60)),
    "a counter of a range": Call(collections.Counter, range(1 << 60)),
    "a dict of a range": Call(dict, range(1 << 60)),
    "a queue of the end of a range": Call(collections.deque, range(1 << 60), 0),
    "a queue of an endless view": Call(
        collections.deque, Call(memory.view, np.zeros(1), 0, (1 << 60,), (0,), np.dtype("f8"), True), 0
    ),
    "a range of no numbers": Call(range, HUGE),
    "a key that branches": Stream(b"}" + WIDE + b"Ns"),
    "keys that branch": Stream(b"}(" + WIDE + b"Nu"),
    "a dict of a key that branches": Stream(b"(" + WIDE + b"Nd"),
    "an element that branches": Stream(b"\x8f(" + WIDE + b"\x90"),
    "a frozen element that branches": Stream(b"(" + WIDE + b"\x91"),
    "a set of an element that branches": Call(set, [WIDE]),
    "an ordered key that branches": Stream(part(Call(collections.OrderedDict)) + WIDE + b"Ns"),
    "a deep key": Stream(b"}" + DEEP + b"Ns"),
    "a deep element": Stream(b"(" + DEEP + b"\x91"),
    "a deep key within an object": Call(np.dtype, DEEP, state=()),
    "a deep Arrow type": nested(pa.list_, pa.int8(), 200),
    "a deep polars type": polars_lists(200),
    "a large seed": Call(
        np.random.bit_generator.__pyx_unpickle_SeedSequence,
        np.random.SeedSequence, 65708578, None, state=(1, 0, np.zeros(4, "u4"), 1 << 30, ()),
    ),
}  # fmt: skip


def test_data_that_would_take_forever_are_refused(tmp_path):
    """All of them in one process, which is given a minute, and no more stack than usual."""
    (tmp_path / "corpus").write_bytes(pickle.dumps({name: stream(value) for name, value in HOSTILE.items()}))
    code = """
    import json, pathlib, pickle
    from pforge_lab import UntrustedData
    from pforge_lab.serialization import unpack
    for name, stream in pickle.loads(pathlib.Path("corpus").read_bytes()).items():
        print(json.dumps(name), flush=True)
        try:
            made = unpack(stream, trusted=False)
        except UntrustedData as error:
            print(json.dumps(f"refused: {error}"), flush=True)
        else:
            print(json.dumps(f"made {type(made)}"), flush=True)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    told = list(map(json.loads, done.stdout.splitlines()))
    outcomes = dict(zip(told[::2], told[1::2], strict=False))
    assert outcomes.keys() == HOSTILE.keys(), (told[-1], done.returncode, done.stderr[-500:])
    assert [name for name, outcome in outcomes.items() if not outcome.startswith("refused")] == []
    assert [outcome for outcome in outcomes.values() if "not on the safe list" in outcome] == []


def test_large_values_that_cost_nothing_are_made():
    values = [HUGE, fractions.Fraction(3**1000, 7**1000), range(1 << 60), 7**10_000, {((1, 2), (3,)): 4}]
    assert unpack(pack(values).stream, trusted=False) == values
