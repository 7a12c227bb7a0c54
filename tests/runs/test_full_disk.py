"""When the disk is full: an error that says so, the last snapshot stands, and the run can go on."""

from __future__ import annotations

CODE = """
import resource, signal
import numpy as np
import pforge_lab as pf

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

def small(): return [1]
def big(small):
    small.append("spoilt")
    return np.random.default_rng(0).integers(0, 2**62, 2_000_000)
def after(big): return int(big[0])

run = pf.Pipeline.from_functions("full", small, big, after).start(state="lab.fs")
run.step()
full = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, full[1]))
for _ in range(2):
    try:
        run.finish()
    except pf.StateError as error:
        print(type(error).__name__, "|", error)
print(run.position, run.status, run["small"], sorted(run.variables))
resource.setrlimit(resource.RLIMIT_FSIZE, full)
print(run.finish().variables["small"], run.status, run.position)
run.goto("big")
print(len(run["big"]))
"""


def test_the_last_snapshot_stands_and_the_run_goes_on_when_there_is_room(scripts):
    first, second, stands, done, restored = scripts.run("full.py", CODE)
    for error in (first, second):
        assert error.startswith("State")
        assert "lab.fs" in error
    assert stands == "1 paused [1] ['small']"
    assert done == "[1, 'spoilt'] done 3"
    assert restored == "2000000"


def test_a_run_that_cannot_begin_leaves_none_behind(scripts):
    printed = scripts.run(
        "begin.py",
        """
        import resource, signal
        import numpy as np
        import pforge_lab as pf
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        def use(big): return len(big)
        p = pf.Pipeline.from_functions("full", use)
        state = pf.open_state("lab.fs")
        full = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, full[1]))
        big = np.random.default_rng(0).integers(0, 2**62, 2_000_000)
        try:
            p.start({"big": big}, state=state)
        except pf.StateError as error:
            print(type(error).__name__)
        resource.setrlimit(resource.RLIMIT_FSIZE, full)
        print(len(pf.runs(state=state)), p.run({"big": big}, state=state).variables["use"])
        """,
    )
    assert printed[-1] == "0 2000000"
    assert printed[0].startswith("State")
