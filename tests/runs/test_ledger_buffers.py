"""Buffers and their owners: each counted once, whatever library holds it."""

from __future__ import annotations

import mmap
import sys

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import pforge_lab as pf
from pforge_lab.runs.ledger import account
from tests.runs.allocations import MB, Point, total, truth_of

# --- buffers and their owners -----------------------------------------------------------------


def test_a_zero_copy_arrow_array_shares_with_numpy():
    array = np.zeros(MB)
    sizes = account({"array": array, "arrow": pa.array(array)})
    assert sizes["arrow"].bytes < 1000
    assert sizes["arrow"].reach >= 8 * MB


def test_an_arrow_slice_pins_its_table():
    table = pa.table({"a": np.zeros(MB), "d": pa.array(["x", "y"] * 500_000).dictionary_encode()})
    part = table.slice(10, 5)
    truth = table.nbytes
    sizes = account({"table": table, "part": part})
    assert sizes["table"].bytes == pytest.approx(truth, rel=0.01)
    assert sizes["part"].bytes < 1000
    assert account({"part": part})["part"].bytes == pytest.approx(truth, rel=0.01)


def test_polars_columns_count_once():
    frame = pl.DataFrame({"a": np.zeros(MB), "s": ["a text too long to be inlined"] * MB})
    sizes = account({"frame": frame, "column": frame["a"], "more": frame.with_columns(b=pl.lit(1))})
    assert sizes["frame"].bytes == pytest.approx((8 + 16 + 29) * MB, rel=0.01)
    assert sizes["column"].bytes < 1000
    assert sizes["column"].reach >= 8 * MB


def test_a_polars_type_that_arrow_lacks_is_estimated():
    """Numbers of 128 bits: the step is kept, and its size is what polars says, marked."""

    def wide():
        return pl.DataFrame({"a": pl.Series([1 << 100] * 1000, dtype=pl.Int128)})

    run = pf.Pipeline.from_functions("p", wide).start(state="memory:")
    size = run.step().sizes["wide"]
    assert size.approx
    assert size.bytes >= 16_000
    assert run.at(1)["wide"].equals(run["wide"])


def test_polars_without_arrow_says_that_it_is_approximate(monkeypatch):
    """The ledger imports nothing, and polars alone cannot tell where its bytes are."""
    frame = pl.DataFrame({"a": range(MB)})
    monkeypatch.delitem(sys.modules, "pyarrow")
    size = account({"v": frame})["v"]
    assert size.bytes == pytest.approx(8 * MB, rel=0.01)
    assert size.approx
    assert "pyarrow" not in sys.modules


def test_a_memory_map_counts_its_file(tmp_path):
    file = tmp_path / "data"
    file.write_bytes(bytes(3 * MB))
    mapped = np.memmap(file, dtype="u1", mode="r")
    sizes = account({"mapped": mapped, "part": mapped[10:20]})
    assert sizes["mapped"].bytes == pytest.approx(3 * MB, rel=0.01)
    assert sizes["part"].bytes < 1000
    with mmap.mmap(-1, MB) as plain:
        assert total({"plain": plain}) == pytest.approx(MB, rel=0.01)


def test_bytes_behind_an_array_count_once():
    data = bytes(MB)
    sizes = account({"data": data, "array": np.frombuffer(data, "u1"), "view": memoryview(data)[5:]})
    assert sizes["data"].bytes == pytest.approx(MB, rel=0.01)
    assert sizes["array"].bytes < 1000
    assert sizes["view"].bytes < 1000
    assert sizes["view"].reach >= MB


def test_a_sparse_tensor_counts_the_dense_ones_it_is_made_of(monkeypatch):
    """Types that answer as those of torch do: dense ones have a storage, sparse ones raise and have parts."""

    class Dense:
        __module__ = "torch"
        device = type("Device", (), {"type": "cpu"})()

        def __init__(self, size):
            self.storage = np.zeros(size, np.uint8)

        def untyped_storage(self):
            array = self.storage
            return type(
                "Storage", (), {"data_ptr": lambda _: array.ctypes.data, "nbytes": lambda _: array.nbytes}
            )()

    class Sparse(Dense):
        def __init__(self):
            self.parts = {"crow_indices": Dense(MB), "col_indices": Dense(2 * MB), "values": Dense(4 * MB)}

        def untyped_storage(self):
            raise NotImplementedError

        def crow_indices(self):
            return self.parts["crow_indices"]

        def col_indices(self):
            return self.parts["col_indices"]

        def values(self):
            return self.parts["values"]

        def _indices(self):
            raise RuntimeError("not of this layout")

    size = account({"v": Sparse()})["v"]
    assert size.bytes == pytest.approx(7 * MB, rel=0.01)
    assert not size.approx


def test_pandas_categories_and_dates_are_found():
    frame = pd.DataFrame(
        {
            "day": pd.date_range("2020", periods=MB, freq="s"),
            "kind": pd.Categorical.from_codes(np.zeros(MB, "i1"), ["only"]),
            "masked": pd.array([1, None] * (MB // 2), dtype="Int64"),
        }
    )
    assert total({"v": frame}) == pytest.approx((8 + 1 + 9) * MB, rel=0.01)


def test_a_closure_counts_what_it_closes_over_and_not_its_module():
    array = np.zeros(MB)
    assert total({"f": lambda: array + 1}) == pytest.approx(8 * MB, rel=0.01)


def test_a_cycle_counts_once():
    ring = [bytes(MB)]
    ring.append(ring)
    assert total({"ring": ring}) == pytest.approx(MB, rel=0.01)


def test_instances_are_not_given_a_dictionary_by_looking():
    """``vars`` or ``__dict__`` would make one for each, at a cost of 24 % memory."""
    points = [Point(number) for number in range(1000)]
    before = account({"v": points})["v"].bytes
    assert account({"v": points})["v"].bytes == before


def test_a_broken_sizeof_does_not_break_the_ledger():
    class Liar:
        def __sizeof__(self):
            raise RuntimeError("no")

    assert total({"v": Liar()}) > 0


class MyFrame(pd.DataFrame):
    """A frame as other libraries derive theirs."""


class MyArray(np.ndarray):
    """An array as other libraries derive theirs."""


def test_derived_frames_and_arrays_are_known_by_their_bases():
    array = np.zeros(MB)
    assert total({"v": MyFrame({"a": array})}) == pytest.approx(8 * MB, rel=0.01)
    sizes = account({"array": array, "mine": array[10:].view(MyArray)})
    assert sizes["mine"].bytes < 1000
    assert sizes["mine"].reach >= 8 * MB


@pytest.mark.parametrize("scalar", [np.float64, pd.Timestamp])
def test_many_scalars_of_a_library_are_sampled_like_any_numbers(scalar):
    value, truth = truth_of(lambda: [scalar(number) for number in range(50_000)])
    size = account({"v": value})["v"]
    assert size.approx
    assert size.bytes == pytest.approx(truth, rel=0.15)


def test_the_mask_of_a_masked_array_counts():
    masked = np.ma.masked_array(np.zeros(MB), np.zeros(MB, bool))
    assert total({"v": masked}) == pytest.approx(9 * MB, rel=0.01)


def test_looking_runs_no_code_of_the_objects_looked_at():
    class Proxy:
        def __getattribute__(self, name):
            raise AssertionError(name)

    assert total({"v": [Proxy()]}) > 0
