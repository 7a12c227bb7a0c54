"""Runs across processes: resumed elsewhere, looked at while they run, found again after a SIGKILL."""

from __future__ import annotations

import os
import signal

import pytest

import pforge_lab as pf

TOOLS = """
def load(n): return list(range(n))
def total(load): return sum(load)
def twice(total): return 2 * total
"""

OPEN = """
import pforge_lab as pf
run = pf.open_run(state="lab.fs")
print(run.status, run.position, run.id)
run.finish()
print(run.status, run.variables["twice"])
"""

BLOCKING = """
import sys
import pforge_lab as pf

def one():
    return [1]

def block(one):
    one.append("spoilt")
    print("inside", flush=True)
    sys.stdin.readline()
    return len(one)

run = pf.Pipeline.from_functions("blocking", one, block).start(state="lab.fs")
run.finish()
print("finished", flush=True)
"""


def sharing(folder, mode="r"):
    return pf.open_state(folder / "lab.fs", mode=mode)


@pytest.fixture
def blocked(scripts):
    """Start a run that blocks inside its second step; a line to stdin lets it go on."""
    process = scripts.start("blocking.py", BLOCKING)
    assert process.stdout.readline() == "inside\n"
    yield process
    process.kill()
    process.communicate()


def kill(process):
    process.send_signal(signal.SIGKILL)
    process.communicate()


def test_functions_of_a_module_resume_in_another_process(scripts):
    scripts.write("tools.py", TOOLS)
    scripts.run(
        "first.py",
        """
        import pforge_lab as pf, tools
        p = pf.Pipeline.from_functions("p", tools.load, tools.total, tools.twice)
        p.start({"n": 5}, state="lab.fs").step(2)
        """,
    )
    status, result = scripts.run("second.py", OPEN)
    assert status.startswith("paused 2 p-")
    assert result == "done 20"


def test_functions_of_a_script_resume_in_another_process(scripts):
    scripts.run(
        "first.py",
        "import pforge_lab as pf\n"
        + TOOLS
        + 'pf.Pipeline.from_functions("p", load, total, twice).start({"n": 5}, state="lab.fs").step()\n',
    )
    assert scripts.run("second.py", OPEN)[-1] == "done 20"


def test_closures_and_lambdas_resume_in_another_process(scripts):
    scripts.run(
        "first.py",
        """
        import pforge_lab as pf
        def maker(factor):
            def scaled(x): return factor * x
            return scaled
        steps = [
            pf.Step(maker(10), input={"x": "{{ x }}"}, output_var="x"),
            pf.Step(lambda x: x + 1, input={"x": "{{ x }}"}, output_var="twice"),
        ]
        pf.Pipeline("p", params={"x": "integer"}, steps=steps).start({"x": 4}, state="lab.fs")
        """,
    )
    assert scripts.run("second.py", OPEN)[-1] == "done 41"


def test_classes_of_a_script_come_back_in_another_process(scripts):
    scripts.run(
        "first.py",
        """
        import dataclasses
        import pforge_lab as pf
        @dataclasses.dataclass
        class Point: x: int; y: int
        def load(): return Point(1, 2)
        def twice(load): return 2 * load.y
        pf.Pipeline.from_functions("p", load, twice).start(state="lab.fs").step()
        """,
    )
    assert scripts.run("second.py", OPEN)[-1] == "done 4"


def test_a_function_of_the_resuming_script_comes_first(scripts):
    scripts.run(
        "first.py",
        "import pforge_lab as pf\n"
        + TOOLS
        + 'pf.Pipeline.from_functions("p", load, total, twice).start({"n": 5}, state="lab.fs").step()\n',
    )
    assert scripts.run("second.py", "def twice(total): return -total\n" + OPEN)[-1] == "done -10"


def test_a_function_that_could_not_be_kept_is_asked_for(scripts):
    scripts.run(
        "first.py",
        """
        import threading
        import pforge_lab as pf
        lock = threading.Lock()
        def load():
            with lock: return 1
        def twice(load):
            with lock: return 2
        pf.Pipeline.from_functions("p", load, twice).start(state="lab.fs").step()
        """,
    )
    error = scripts.start("second.py", OPEN).communicate()[1].splitlines()[-1]
    assert "unknown tool 'twice'" in error
    assert "cannot pickle '_thread.lock' object" in error
    assert "define it here" in error
    assert scripts.run("third.py", "def twice(load): return 22\n" + OPEN)[-1] == "done 22"


def test_a_run_is_running_for_others_and_can_be_looked_at(blocked, scripts):
    with sharing(scripts.folder) as state:
        run = pf.open_run(state=state)
        assert (run.status, run.position, run["one"]) == ("running", 1, [1])
        assert [row.status for row in pf.runs(state=state).itertuples()] == ["running"]
        assert "one" in repr(run)
        assert run.at(0).variables.keys() == set()


def test_moving_a_run_of_another_process_names_its_owner(blocked, scripts):
    with sharing(scripts.folder) as state:
        run = pf.open_run(state=state)
        for move in (run.step, run.finish, run.back, lambda: run.goto(0), lambda: run.set(a=1)):
            with pytest.raises(pf.RunBusy, match=rf"held by process {blocked.pid} .*blocking\.py") as caught:
                move()
        assert str(blocked.pid) in caught.value.owner
        assert caught.value.since is not None
        assert run.position == 1


def test_opening_the_file_of_another_process_opens_for_looking(blocked, scripts):
    run = pf.open_run(state=scripts.folder / "lab.fs")
    try:
        assert (run.state.mode, run.status) == ("r", "running")
    finally:
        run.state.close()


def test_opening_it_again_shows_what_happened_since(blocked, scripts):
    with sharing(scripts.folder) as state:
        run = pf.open_run(state=state)
        out, _ = blocked.communicate("\n")
        assert "finished" in out
        again = pf.open_run(run.id, state=state)
        assert again is run
        assert (run.status, run.position, run["block"]) == ("done", 2, 2)


def test_after_sigkill_a_run_is_interrupted_and_goes_on_from_its_last_step(blocked, scripts):
    kill(blocked)
    with sharing(scripts.folder, "w") as state:
        run = pf.open_run(state=state)
        assert (run.status, run.position, run["one"]) == ("interrupted", 1, [1])
    printed = scripts.start(
        "resume.py",
        """
        import pforge_lab as pf
        run = pf.open_run(state="lab.fs")
        run.finish()
        print(run.status, run.variables["one"], run.variables["block"])
        """,
    ).communicate("\n")[0]
    assert printed.splitlines()[-1] == "done [1, 'spoilt'] 2"


def test_a_process_that_was_killed_and_not_waited_for_is_gone(scripts):
    """In a container without init a dead kernel stays as a zombie."""
    process = scripts.start("blocking.py", BLOCKING)
    assert process.stdout.readline() == "inside\n"
    process.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    try:
        with sharing(scripts.folder) as state:
            assert pf.open_run(state=state).status == "interrupted"
    finally:
        process.communicate()


def test_sigint_leaves_a_run_interrupted(blocked, scripts):
    blocked.send_signal(signal.SIGINT)
    blocked.communicate()
    with sharing(scripts.folder) as state:
        run = pf.open_run(state=state)
        assert (run.status, run.position) == ("interrupted", 1)


def test_a_checkpoint_resumes_in_another_process(scripts):
    scripts.write("tools.py", TOOLS)
    scripts.run(
        "first.py",
        """
        import pathlib, pickle, pforge_lab as pf, tools
        run = pf.Pipeline.from_functions("p", tools.load, tools.total, tools.twice).start({"n": 5}, state="lab.fs")
        run.step(2)
        pathlib.Path("point").write_bytes(pickle.dumps(run.checkpoint()))
        run.finish()
        """,
    )
    printed = scripts.run(
        "second.py",
        """
        import pathlib, pickle, pforge_lab as pf, tools
        p = pf.Pipeline.from_functions("p", tools.load, tools.total, tools.twice)
        run = p.resume(pickle.loads(pathlib.Path("point").read_bytes()))
        print(run.position, sorted(run.variables))
        run.set(total=1)
        print(run.finish().variables["twice"], len(run.lines))
        """,
    )
    assert printed == ["2 ['load', 'n', 'total']", "2 2"]


def test_restored_sets_are_no_edit_in_another_process(scripts):
    """Sets come back in another order there: looking at one is no edit all the same."""
    code = """
    import pforge_lab as pf
    def load(): return {"apple", "banana", "cherry", "date", "elder", "fig"}
    def total(load): return len(load)
    def twice(total): return 2 * total
    """
    scripts.run(
        "first.py",
        code + '\n    pf.Pipeline.from_functions("p", load, total, twice).start(state="lab.fs").step()',
        env={"PYTHONHASHSEED": "1"},
    )
    printed = scripts.run(
        "second.py",
        """
        import pforge_lab as pf
        run = pf.open_run(state="lab.fs")
        len(run["load"]); run.step(); len(run["load"]); run.step()
        print([(record.label, record.changed) for record in run.history])
        """,
        env={"PYTHONHASHSEED": "2"},
    )
    assert printed == ["[('load', ('load',)), ('total', ('total',)), ('twice', ('twice',))]"]
