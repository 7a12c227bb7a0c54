"""The ledger: every allocation once, at its owner, against known truth."""

from __future__ import annotations

import json
import sys
import weakref

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from pforge_lab.runs.ledger import Ledger, account, examine
from tests.runs.allocations import MB, Point, total, truth_of

# --- the deep-size cases ----------------------------------------------------------------------


def test_a_dict_of_a_million(heavy):
    value, truth = truth_of(lambda: {number: float(number) for number in range(heavy(1_000_000))})
    size = account({"v": value})["v"]
    assert size.bytes == pytest.approx(truth, rel=0.15)
    assert size.approx


def test_parsed_json(heavy):
    rows = [
        {
            "id": row,
            "name": f"name {row}",
            "tags": ["a", "b"],
            "at": {"x": row * 0.5, "y": row / 3},
            "on": row % 2 == 0,
        }
        for row in range(heavy(400_000))
    ]
    text = json.dumps(rows)
    del rows
    value, truth = truth_of(lambda: json.loads(text))
    size = account({"v": value})["v"]
    assert size.bytes == pytest.approx(truth, rel=0.15)
    assert size.approx


def test_many_instances(heavy):
    value, truth = truth_of(lambda: [Point(number) for number in range(max(25_000, heavy(200_000)))])
    size = account({"v": value})["v"]
    assert size.bytes == pytest.approx(truth, rel=0.15)
    assert size.approx


def test_a_few_instances_are_exact():
    value, truth = truth_of(lambda: [Point(number) for number in range(1000, 6000)])
    size = account({"v": value})["v"]
    assert size.bytes == pytest.approx(truth, rel=0.01)
    assert not size.approx


def test_a_frame_with_arrow_strings(heavy):
    rows = heavy(5_000_000)
    strings = pa.array([f"row {row % 1000}" for row in range(rows)], pa.large_string())
    frame = pd.DataFrame({"n": np.arange(rows, dtype=float), "s": pd.Series(strings, dtype="str")})
    size = account({"v": frame})["v"]
    assert size.bytes == pytest.approx(rows * 8 + strings.nbytes, rel=0.01)
    assert not size.approx


def test_a_frame_and_its_slice_count_once():
    frame = pd.DataFrame({"a": np.zeros(MB), "b": np.ones(MB)})
    sizes = account({"frame": frame, "part": frame.iloc[100:400_000]})
    assert sizes["frame"].bytes == pytest.approx(16 * MB, rel=0.01)
    assert sizes["part"].bytes < 10_000
    assert sizes["part"].reach == pytest.approx(16 * MB, rel=0.01)


def test_a_slice_alone_pins_its_whole_frame():
    frame = pd.DataFrame({"a": np.zeros(MB), "s": pd.array(["some text here"] * MB, dtype="str")})
    strings = frame["s"].array.__arrow_array__().nbytes
    part = frame.iloc[:3]
    del frame
    assert total({"part": part}) == pytest.approx(8 * MB + strings, rel=0.01)


def test_numpy_views_count_once():
    whole = np.zeros(MB)
    variables = {
        "whole": whole,
        "half": whole[::2],
        "square": whole.reshape(1000, 1000).T,
        "bytes": whole.view("u1"),
    }
    sizes = account(variables)
    assert sizes["whole"].bytes == pytest.approx(8 * MB, rel=0.01)
    assert sum(size.bytes for size in sizes.values()) == pytest.approx(8 * MB, rel=0.01)
    assert all(size.reach >= 8 * MB for size in sizes.values())


def test_a_list_of_frames_sharing_columns_counts_them_once():
    frame = pd.DataFrame({"a": np.zeros(MB), "b": np.ones(MB)})
    assert total({"frames": [frame.assign() for _ in range(12)]}) == pytest.approx(16 * MB, rel=0.01)


def test_an_object_column_of_few_distinct_strings(heavy):
    rows = heavy(5_000_000)
    words = [f"value number {number}" for number in range(rows // 50)]
    column = np.array(words, dtype=object)[np.random.default_rng(0).integers(0, len(words), rows)]
    size = account({"v": pd.DataFrame({"o": pd.Series(column, dtype=object)})})["v"]
    truth = rows * 8 + sum((sys.getsizeof(word) + 15) & ~15 for word in words)
    assert size.bytes == pytest.approx(truth, rel=0.15)
    assert size.approx


def test_one_array_among_a_million_numbers_is_found(heavy):
    count = heavy(1_000_000)
    value = [*range(1000, count), np.ones(heavy(12_500_000)), *range(count, count + 1000)]
    truth = sys.getsizeof(value) + count * 32 + heavy(12_500_000) * 8
    assert total({"v": value}) == pytest.approx(truth, rel=0.01)


# --- sharing and dropping ---------------------------------------------------------------------


def test_dropping_one_of_two_owners_frees_nothing():
    shared = np.zeros(MB)
    taken = examine({"a": [shared], "b": [shared, bytes(MB)], "c": "text"})
    assert taken.freed({"a"}) < 1000
    assert taken.freed({"b"}) == pytest.approx(MB, rel=0.01)
    assert taken.freed({"a", "b"}) == pytest.approx(9 * MB, rel=0.01)


def test_an_alias_of_a_sampled_list_holds_nothing_more():
    numbers = [float(number) for number in range(100_000)]
    sizes = account({"numbers": numbers, "alias": numbers, "copy": list(numbers)})
    assert sizes["alias"].bytes == 0
    assert sizes["alias"].reach == sizes["numbers"].bytes
    assert sizes["copy"].bytes == pytest.approx(sys.getsizeof(numbers), rel=0.15)
    assert sizes["copy"].reach == pytest.approx(sizes["numbers"].reach, rel=0.15)


values = st.recursive(
    st.one_of(st.integers(), st.sampled_from(["", "text", None, np.zeros(10), (1000, 2000)])),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.sampled_from("xyz"), inner)),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from("abcdef"), values))
def test_the_sum_of_bytes_is_what_is_held(variables):
    """``bytes`` sums to what one variable holding all of them would hold; ``reach`` is never less."""
    taken = examine(variables)
    together = account({"all": list(variables.values())})["all"].bytes
    outer = (sys.getsizeof(list(variables.values())) + 15) & ~15
    assert sum(size.bytes for size in taken.sizes.values()) == together - outer
    assert taken.freed(variables) == together - outer
    assert all(size.reach >= size.bytes >= 0 for size in taken.sizes.values())


# --- budgets ----------------------------------------------------------------------------------


def test_arrays_and_frames_come_first_when_there_is_little_time():
    """A million dicts before them in the order of the variables do not take their time away."""
    rows = [{"number": number} for number in range(100_000)]
    frame = pd.DataFrame({f"c{column}": np.zeros(1000) for column in range(20)})
    variables = {"rows": rows, "frame": frame, "array": np.zeros(MB)}
    hurried = account(variables, budget=0.05)
    assert hurried["frame"] == account({"frame": frame})["frame"]
    assert hurried["array"].bytes == pytest.approx(8 * MB, rel=0.01)
    assert hurried["rows"].approx


def test_a_wide_frame_is_estimated_where_there_is_no_time():
    frame = pd.DataFrame(
        {f"c{column}": pd.array(["some words"] * 1000, dtype="str") for column in range(200)}
    )
    size = account({"frame": frame}, budget=0)["frame"]
    assert size.approx
    assert size.hurried
    assert 0 < size.bytes <= 2 * account({"frame": frame})["frame"].bytes


def test_many_arrays_are_sampled_and_the_largest_is_found():
    """Visiting each would take a second, and more memory for the ledger than the arrays have."""
    value = [np.zeros(10) for _ in range(60_000)]
    value[31_416] = np.zeros(MB)
    size = account({"v": value})["v"]
    truth = sys.getsizeof(value) + 60_000 * (112 + 80) + 8 * MB
    assert size.approx
    assert not size.hurried
    assert size.bytes == pytest.approx(truth, rel=0.15)


def test_what_was_not_visited_in_time_is_marked():
    tree = [[[float(number) for number in range(20)] for _ in range(50)] for _ in range(50)]
    hurried = account({"tree": tree}, budget=0)["tree"]
    assert hurried.approx
    assert 0 < hurried.bytes <= 2 * account({"tree": tree})["tree"].bytes


def test_a_large_container_without_time_is_sampled():
    hurried = account({"v": [float(number) for number in range(200_000)]}, budget=0)["v"]
    assert hurried.approx
    assert hurried.bytes == pytest.approx(200_000 * 40, rel=0.15)


def test_no_variables_have_no_sizes():
    assert account({}) == {}


# --- accounts that follow one another ------------------------------------------------------------


def test_unchanged_variables_are_not_walked_again():
    """A list that grew without being named as changed keeps its size; naming it brings the new one."""
    ledger = Ledger()
    variables = {"grows": [bytes(1000)], "other": 1.5}
    first = ledger.examine(variables)
    variables["grows"].append(bytes(MB))
    assert ledger.examine(variables, changed={"other"}).sizes == first.sizes
    assert ledger.examine(variables, changed={"grows"}).sizes["grows"].bytes > MB


def test_a_variable_bound_anew_is_walked_even_if_nobody_says_so():
    ledger = Ledger()
    ledger.examine({"v": [1.5]})
    assert ledger.examine({"v": bytes(MB)}, changed=()).sizes["v"].bytes > MB


def test_remembered_variables_still_share_with_new_ones():
    ledger = Ledger()
    whole = np.zeros(MB)
    ledger.examine({"whole": whole})
    sizes = ledger.examine({"whole": whole, "part": whole[:10]}, changed={"part"}).sizes
    assert sizes["part"].bytes < 1000
    assert sizes["part"].reach >= 8 * MB


def test_the_ledger_keeps_no_variable_alive():
    array = np.zeros(MB)
    gone = weakref.ref(array)
    ledger = Ledger()
    ledger.examine({"array": array})
    del array
    assert gone() is None


@given(st.lists(st.dictionaries(st.sampled_from("abcd"), values), max_size=4))
def test_a_ledger_that_remembers_agrees_with_one_that_does_not(steps):
    ledger, variables = Ledger(), {}
    for step in steps:
        variables |= step
        assert ledger.examine(variables, changed=step.keys()).sizes == account(variables)


def test_what_was_hurried_is_completed_when_there_is_time():
    tree = [[[float(number) for number in range(20)] for _ in range(50)] for _ in range(50)]
    ledger = Ledger()
    assert ledger.examine({"tree": tree}, budget=0).sizes["tree"].approx
    assert ledger.examine({"tree": tree}, changed=(), budget=0).sizes["tree"].approx
    assert ledger.examine({"tree": tree}, changed=()).sizes == account({"tree": tree})


def test_what_there_is_no_time_for_is_taken_at_its_word_and_marked():
    """Without time all but a few variables have the size they say of themselves; the next account looks at them."""
    values = {f"v{number}": [float(element) for element in range(50)] for number in range(100)}
    ledger = Ledger()
    hasty = ledger.examine(values, budget=0).sizes
    assert sum(size.approx and size.hurried for size in hasty.values()) >= 90
    assert all(size.bytes >= 400 for size in hasty.values())
    assert ledger.examine(values, changed=()).sizes == account(values)
