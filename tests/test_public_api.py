"""The public names: those of the design, cheap to import; errors that travel."""

from __future__ import annotations

import pickle
import subprocess
import sys

import pytest

import pforge_lab as pf
from pforge_lab import errors

CONTRACT = {
    *("Pipeline", "Step", "tool", "load_pipeline", "load_forge", "runs", "open_run", "open_state", "Run"),
    *("StateManager", "load_ipython_extension", "unload_ipython_extension", "__version__"),
}
ERRORS = {name for name in errors.__all__ if isinstance(getattr(errors, name), type)} - {
    "Fault", "WrongType", "WrongValue",
}  # fmt: skip
HEAVY = (
    "matplotlib",
    "ipywidgets",
    "papermill",
    "dask",
    "IPython",
    "polars",
    "torch",
    "ZODB",
    "psutil",
    "click",
)
RUN = {
    *("step", "back", "goto", "finish", "set", "fork", "at", "diff", "checkpoint", "plot_memory"),
    *("variables", "records", "memory", "variable_sizes", "status", "position", "lines", "results"),
}


def test_the_names_of_the_contract_are_public():
    assert set(pf.__all__) >= CONTRACT | ERRORS


def test_every_public_name_is_there_and_listed_once():
    assert len(set(pf.__all__)) == len(pf.__all__)
    assert all(hasattr(pf, name) for name in pf.__all__)


def test_a_run_has_what_the_contract_names():
    assert {name for name in RUN if not hasattr(pf.Run, name)} == set()


def imported(code: str, *names: str) -> list[str]:
    """Return which of the modules are there after the code was executed in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; import sys; print(*[n for n in {names!r} if n in sys.modules])"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.split()


def test_importing_the_package_imports_nothing_heavy():
    assert imported("import pforge_lab", *HEAVY) == []


def test_a_run_in_memory_imports_no_database_and_no_plots():
    code = (
        "import pforge_lab as pf\n"
        "run = pf.Pipeline.from_functions('p', lambda: 1, ).start(state='memory:') if 0 else None\n"
        "def one(): return 1\n"
        "run = pf.Pipeline.from_functions('p', one).start(state='memory:'); run.finish(); repr(run)"
    )
    assert imported(code, "ZODB", "matplotlib", "ipywidgets", "IPython", "papermill", "polars") == []


@pytest.mark.parametrize("name", sorted(ERRORS | {"WrongType", "WrongValue"}))
def test_errors_travel_between_processes_with_their_facts(name):
    kind = getattr(errors, name)
    error = kind("what is wrong; the next move", run="r1", key="k", seconds=1.5)
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is kind
    assert (str(back), back.run, back.key, back.seconds) == (str(error), "r1", "k", 1.5)
    assert isinstance(back, pf.PforgeError)


def test_errors_with_faults_travel_whole():
    error = pf.SpecError.of([errors.Fault("wrong", "a.yaml", 3, "steps.0"), errors.Fault("wrong too")])
    back = pickle.loads(pickle.dumps(error))
    assert back.faults == error.faults
    assert str(back) == "a.yaml:3: steps.0: wrong\nwrong too"


@pytest.mark.parametrize(
    ("kind", "base"),
    [
        (pf.RunNotFound, LookupError),
        (pf.PositionError, LookupError),
        (pf.VariableNotFound, LookupError),
        (pf.StepTimeout, pf.StepError),
        (pf.StateClosed, ValueError),
        (errors.WrongType, TypeError),
        (errors.WrongValue, ValueError),
        (pf.StateLocked, pf.StateError),
        (pf.NotKept, pf.RunError),
    ],
)
def test_errors_are_of_the_kinds_that_python_code_expects(kind, base):
    assert issubclass(kind, base)
    assert not issubclass(kind, KeyError)
