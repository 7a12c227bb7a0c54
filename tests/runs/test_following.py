"""A run that is looked at while another process advances it."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import pforge_lab as pf

STEPPING = """
import sys
import numpy as np
import pforge_lab as pf

def zeros(n): return np.zeros(n)
def ones(zeros): return zeros + 1
def total(ones): return float(ones.sum())

run = pf.Pipeline.from_functions("stepping", zeros, ones, total).start({"n": 1000}, state="lab.fs")
print("started", flush=True)
for line in sys.stdin:
    eval(line, {"run": run, "pf": pf})
    print(run.position, flush=True)
"""


class Advanced:
    """A run in a process of its own, moved by expressions, and the same run as it is seen here."""

    def __init__(self, process, run):
        self.process, self.run = process, run

    def move(self, expression):
        """Have the other process evaluate it, and wait until it has."""
        self.process.stdin.write(expression + "\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline().strip().isdigit()


@pytest.fixture
def advanced(scripts):
    """Return a run of three steps that another process moves."""
    process = scripts.start("stepping.py", STEPPING)
    try:
        assert process.stdout.readline() == "started\n"
        with pf.open_state(scripts.folder / "lab.fs", mode="r") as state:
            yield Advanced(process, pf.open_run(state=state))
    finally:
        process.kill()
        process.communicate()


def test_records_and_position_follow(advanced):
    """Each look shows what the other process has done by then."""
    for position, label in enumerate(("zeros", "ones", "total"), start=1):
        advanced.move("run.step()")
        assert advanced.run.position == position
        assert advanced.run.history[-1].label == label
        assert list(advanced.run.records.index) == list(range(position))
    assert (advanced.run.status, advanced.run.next_label) == ("done", None)


def test_variables_follow_after_they_were_looked_at(advanced):
    """A value that was handed out stays as it is; asking again gives the new one."""
    assert dict(advanced.run.variables) == {"n": 1000}
    advanced.move("run.step()")
    seen = advanced.run["zeros"]
    advanced.move("run.set(zeros=run['zeros'] + 2)")
    assert advanced.run["zeros"][0] == 2
    assert seen[0] == 0


def test_the_table_follows(advanced):
    """A bare run at the end of a cell shows the steps that are done now."""
    before = repr(advanced.run)
    advanced.move("run.finish()")
    assert "paused" not in repr(advanced.run)
    assert "done" in repr(advanced.run)
    assert "ones" in advanced.run._repr_html_()
    assert before != repr(advanced.run)


def test_memory_and_sizes_follow(advanced):
    """Frames of costs have a row for what was just done."""
    advanced.move("run.step(2)")
    assert list(advanced.run.memory.label) == ["zeros", "ones"]
    assert set(advanced.run.variable_sizes.variable) == {"n", "zeros", "ones"}
    advanced.move("run.step()")
    assert list(advanced.run.memory.label) == ["zeros", "ones", "total"]


def test_going_back_and_another_line_are_followed(advanced):
    """The records of another line take the place of those that are left."""
    advanced.move("run.finish()")
    assert advanced.run.diff("ones", "total")["variable"].tolist() == ["total"]
    advanced.move("run.goto('zeros')")
    assert (advanced.run.position, advanced.run.status) == (1, "paused")
    advanced.move("run.set(zeros=run['zeros'] + 4)")
    advanced.move("run.finish()")
    assert [record.label for record in advanced.run.history] == ["zeros", "edit", "ones", "total"]
    assert advanced.run["total"] == 5000
    assert len(advanced.run.lines) == 2


def test_a_moment_stays_what_it_was(advanced):
    """What `at` returned is of its position, wherever the run goes."""
    advanced.move("run.step()")
    moment = advanced.run.at(1)
    advanced.move("run.back()")
    advanced.move("run.set(n=5)")
    advanced.move("run.step()")
    np.testing.assert_array_equal(moment["zeros"], np.zeros(1000))
    assert len(advanced.run["zeros"]) == 5


def test_a_look_reads_no_record_twice(advanced):
    """What was seen already are the same objects: following a long run costs what is new."""
    advanced.move("run.step(2)")
    first = advanced.run.history
    advanced.move("run.step()")
    assert all(now is before for now, before in zip(advanced.run.history, first, strict=False))


def test_a_value_is_loaded_once_while_the_run_stands(advanced):
    """Looking at the same variable again costs nothing."""
    advanced.move("run.step()")
    assert advanced.run["zeros"] is advanced.run["zeros"]


def test_a_view_is_of_one_moment(advanced):
    """Inside `still` the run stands where it was when the block began."""
    advanced.move("run.step()")
    with advanced.run.still():
        advanced.move("run.step()")
        assert advanced.run.position == 1
    assert advanced.run.position == 2


def test_threads_that_look_at_once_see_one_run(advanced):
    """Following is safe where a stepper looks in a thread of its own."""
    seen: list[int] = []

    def look():
        for _ in range(20):
            with advanced.run.still():
                assert len(advanced.run.history) == advanced.run.position
                seen.append(advanced.run.position)

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    advanced.move("run.finish()")
    for thread in threads:
        thread.join()
    assert len(seen) == 80
    assert advanced.run.position == 3


def test_a_run_that_was_deleted_says_so(advanced):
    """There is nothing to follow any more."""
    advanced.move("run.step()")
    assert advanced.run.position == 1
    advanced.move("pf.delete_run(run.id, state=run.state)")
    with pytest.raises(pf.RunNotFound, match="deleted from .* meanwhile"):
        _ = advanced.run.position


def test_what_was_seen_stays_after_the_store_is_closed(advanced):
    """Without a store there is nothing to follow, and what is known is known."""
    advanced.move("run.step()")
    assert advanced.run.position == 1
    advanced.run.state.close()
    assert (advanced.run.position, advanced.run.history[0].label) == (1, "zeros")


def test_a_run_that_was_moved_on_elsewhere_is_opened_where_it_is_now(scripts):
    """In a store that several processes write, opening it again is what the refusal asks for."""
    with pf.open_state(f"sqlite:{scripts.folder / 'lab.db'}") as state:

        def one(n: int):
            return [n]

        def two(one):
            return [*one, 2]

        run = pf.Pipeline.from_functions("shared", one, two).start({"n": 1}, state=state)
        scripts.run(
            "other.py",
            'import pforge_lab as pf\nwith pf.open_state("sqlite:lab.db") as state: pf.open_run(state=state).step()',
        )
        with pytest.raises(pf.RunBusy, match=r"open it again"):
            run.step()
        again = pf.open_run(run.id, state=state)
        assert (again.position, again["one"]) == (1, [1])
        assert again.finish().variables["two"] == [1, 2]


def first():
    return 1


def second(first):
    return first + 1


@pytest.mark.parametrize("move", ["step", "back", "finish", "fork"])
def test_a_run_in_a_store_opened_to_be_read_says_how_to_go_on(move, tmp_path):
    """Nobody holds the store: it is not busy."""
    with pf.open_state(tmp_path / "lab.fs") as store:
        pf.Pipeline.from_functions("two", first, second).start(state=store).step()
    with pf.open_state(tmp_path / "lab.fs", mode="r") as store:
        run = pf.open_run(state=store)
        with pytest.raises(pf.StateReadOnly, match="open it with mode='w'"):
            getattr(run, move)()
