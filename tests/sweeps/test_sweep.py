"""Sweeps: all sets end, whoever is killed; what is done is not executed again."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

import pforge_lab as pf
from pforge_lab.sweeps.workers import Workers
from tests.programs import module


@pytest.fixture
def marks(tmp_path):
    """Return a folder that steps leave marks in."""
    folder = tmp_path / "marks"
    folder.mkdir()
    return folder


def counting(folder):
    """Return a pipeline that leaves a mark for each execution of its second step."""

    def begin(n: int):
        return [n]

    def square(begin, fail=False):
        with Path(folder, f"{begin[0]}").open("a") as file:
            file.write("x")
        if Path(folder, "broken").exists() and begin[0] % 2:
            raise ValueError("odd")
        return begin[0] ** 2

    return pf.Pipeline.from_functions("squares", begin, square)


def killing(folder):
    """Return a pipeline that kills the worker of its set 7, once."""

    def begin(n: int):
        return [n]

    def square(begin):
        if begin[0] == 7:
            try:
                Path(folder, "killed").touch(exist_ok=False)
            except FileExistsError:
                pass
            else:
                os.kill(os.getpid(), signal.SIGKILL)
        return begin[0] ** 2

    return pf.Pipeline.from_functions("squares", begin, square)


def executions(folder):
    """Return how often the step was executed, by set."""
    return {int(file.name): len(file.read_text()) for file in folder.iterdir() if file.name.isdigit()}


def is_whole(frame, count=24):
    """Return whether all sets are done with the right output."""
    return frame.status.eq("done").all() and frame.square.to_list() == [n**2 for n in range(count)]


def test_all_24_sets_end_on_the_process_pool_although_a_worker_is_killed(marks, tmp_path):
    state = f"sqlite:{tmp_path / 'lab.db'}"
    frame = pf.sweep(killing(marks), {"n": range(24)}, state=state, workers=2, outputs=["square"])
    assert (marks / "killed").exists()
    assert is_whole(frame)
    assert len(pf.runs(state)) == 24


def test_all_24_sets_end_on_a_dask_cluster_although_a_worker_is_killed(marks, tmp_path):
    distributed = module("distributed")
    dask = module("dask")
    with (
        dask.config.set({"distributed.worker.daemon": False}),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, local_directory=str(tmp_path)
        ) as cluster,
        distributed.Client(cluster) as client,
        client.get_executor() as executor,
    ):
        frame = pf.sweep(
            killing(marks),
            {"n": range(24)},
            state=str(tmp_path / "lab.fs"),
            executor=executor,
            outputs=["square"],
        )
    assert (marks / "killed").exists()
    assert is_whole(frame)


@pytest.mark.parametrize("url", ["{}/lab.fs", "sqlite:{}/lab.db", "memory:sweep-again"])
def test_a_sweep_again_executes_only_what_is_missing(url, marks, tmp_path):
    with ThreadPoolExecutor(2) as pool, pf.open_state(url.format(tmp_path)) as state:
        options = {"state": state, "executor": pool, "outputs": ["square"]}
        pf.sweep(counting(marks), {"n": [0, 1]}, **options)
        frame = pf.sweep(counting(marks), {"n": [0, 1, 2]}, **options)
    assert is_whole(frame, 3)
    assert executions(marks) == {0: 1, 1: 1, 2: 1}


def test_a_sweep_again_in_other_processes_executes_only_what_is_missing(marks, tmp_path):
    with pf.open_state(tmp_path / "lab.fs") as state:
        pf.sweep(counting(marks), {"n": [0, 1]}, state=state, workers=1)
        pf.sweep(counting(marks), {"n": [0, 1, 2]}, state=state, workers=1)
    assert executions(marks) == {0: 1, 1: 1, 2: 1}


def test_failed_sets_are_listed_and_go_on_from_their_last_step(marks, tmp_path):
    (marks / "broken").touch()
    with pf.open_state(tmp_path / "lab.fs") as state:
        frame = pf.sweep(counting(marks), {"n": range(3)}, state=state, workers=1, outputs=["square"])
        assert frame.status.to_list() == ["done", "failed", "done"]
        assert "odd" in frame.error[1]
        assert pf.open_run(frame.run[1], state=state).position == 1
        (marks / "broken").unlink()
        assert is_whole(
            pf.sweep(counting(marks), {"n": range(3)}, state=state, workers=1, outputs=["square"]), 3
        )
        records = pf.open_run(frame.run[1], state=state).records
    assert records.label.to_list() == ["begin", "square"]
    assert executions(marks) == {0: 1, 1: 2, 2: 1}


def test_steps_whose_code_has_changed_are_executed_again_with_what_follows(marks):
    def begin(n: int):
        return [n]

    def square(begin):
        return -1

    changed = pf.Pipeline.from_functions("squares", begin, square)
    state = "memory:sweep-changed"
    with ThreadPoolExecutor(1) as pool:
        pf.sweep(counting(marks), {"n": [3]}, state=state, executor=pool)
        plain = pf.sweep(
            pf.Pipeline.from_functions("squares", begin, square), {"n": [3]}, state=state, executor=pool
        )
        again = pf.sweep(changed, {"n": [3]}, state=state, executor=pool, outputs=["square"])
    assert plain.status[0] == "done"
    assert again.square.to_list() == [-1]


def test_the_run_of_a_set_opens_whole_where_the_sweep_was_started(tmp_path):
    def load(n: int):
        return list(range(n))

    pipeline = pf.Pipeline.from_functions("lists", load)
    with pf.open_state(tmp_path / "lab.fs") as state:
        frame = pf.sweep(pipeline, [{"n": 4}], state=state, workers=1)
        run = pf.open_run(frame.run[0], state=state)
        assert run["load"] == [0, 1, 2, 3]
        assert frame.peak[0] > 0
        run.back()
        assert run.finish().variables["load"] == [0, 1, 2, 3]


def test_a_set_that_kills_every_worker_is_given_up_and_the_others_end():
    def fatal(n: int):
        if n == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return n

    frame = pf.sweep(
        pf.Pipeline.from_functions("fatal", fatal), {"n": range(4)}, state="memory:fatal", workers=2
    )
    assert frame.status.to_list() == ["done", "failed", "done", "done"]
    assert "killed each of 3 times" in frame.error[1]


def test_an_executor_of_the_standard_library_that_breaks_is_replaced(marks, capsys):
    executor = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
    frame = pf.sweep(
        killing(marks), {"n": range(8)}, state="memory:replaced", executor=executor, outputs=["square"]
    )
    assert is_whole(frame, 8)


def test_wrong_parameters_are_told_all_at_once_before_anything_is_executed(marks):
    with pytest.raises(pf.ParamError, match=r"(?s)n: .*m: ") as caught:
        pf.sweep(counting(marks), [{"n": "x"}, {"n": 1}, {"m": 1, "n": 2}], state="memory:wrong")
    assert len(caught.value.faults) == 2
    assert executions(marks) == {}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"grid": {"n": 3}}, r"write \[3\]"),
        ({"grid": []}, "no parameter set"),
        ({"grid": [3]}, "set 0 of the list"),
        ({"grid": {"n": [1]}, "outputs": ["sqare"]}, "did you mean 'square'"),
        ({"grid": {"n": [1]}, "outputs": "square"}, r"\['square'\]"),
        ({"grid": {"n": [1]}, "executor": 3}, "submit"),
        ({"grid": {"n": [1]}, "executor": Workers, "workers": 2}, "one of the two"),
    ],
)
def test_wrong_use_is_told_in_one_line(options, message, marks):
    grid = options.pop("grid")
    with pytest.raises(pf.UsageError, match=message):
        pf.sweep(counting(marks), grid, state="memory:wrong-use", **options)


def test_a_worker_without_the_users_key_says_so(tmp_path, monkeypatch):
    from pforge_lab.sweeps.key import KeyPass

    own = KeyPass.of_user()
    own.take()
    monkeypatch.setenv("PFORGE_KEY", str(tmp_path / "other"))
    with pytest.raises(pf.PforgeError, match="PFORGE_KEY"):
        KeyPass(str(tmp_path / "nowhere"), own.proof).take()
    own.take()
    assert os.environ["PFORGE_KEY"] == own.path
