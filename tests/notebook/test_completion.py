"""Completion of ``%pforge`` in a shell of IPython and in a real kernel."""

from __future__ import annotations

import pytest
from IPython.core.completer import provisionalcompleter

import pforge_lab as pf


@pytest.fixture
def complete(shell):
    """Return a function that gives what may stand at the end of a cell, as the frontend would insert it."""

    def at_end(text: str) -> list[str]:
        with provisionalcompleter():
            found = list(shell.Completer.completions(text, len(text)))
        return [text[: item.start] + item.text + text[item.end :] for item in found]

    return at_end


@pytest.fixture
def lab(cell, function_cell, pipeline_cell):
    """Have a run in the shell: two of three steps taken."""
    cell(function_cell)
    cell(pipeline_cell)
    cell("%pforge open memory:completion")
    cell("%pforge start -p n=4")
    cell("%pforge step 2")
    return cell


def words(found: list[str]) -> set[str]:
    """Return the last word of each line."""
    return {line.rpartition(" ")[2] for line in found}


@pytest.mark.usefixtures("lab")
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("%pforge sta", {"start", "state", "status"}),
        ("run = %pforge fin", {"finish"}),
        ("a, b[0] = %pforge fin", {"finish"}),
        ("x = 1\n%pforge fin", {"finish"}),
        ("%pforge finish --", {"--until", "--retry-failed", "--help"}),
        ("%pforge finish ", {"--until", "--retry-failed", "--help", "-h"}),
        ("%pforge finish --until t", {"total", "twice"}),
        ("%pforge goto ", {"load", "total"}),
        ("%pforge goto 1", {"1"}),
        ("%pforge diff lo", {"load"}),
        ("%pforge show ", {"n", "numbers", "total"}),
        ("%pforge show --at load n", {"n", "numbers"}),
        ("%pforge show --at load t", set()),
        ("%pforge pull n tot", {"total"}),
        ("%pforge set to", {"total="}),
        ("%pforge fork -p nu", {"numbers="}),
        ("%pforge start su", {"sums"}),
        ("%pforge start -p ", {"n="}),
        ("%pforge state g", {"get"}),
        ("%pforge config the", {"theme="}),
        ("%pforge help comp", {"compare"}),
        ("%pforge start --memory s", {"settle"}),
        ("%pforge open mem", {"memory:"}),
        ("%%pforge p", {"pipeline"}),
        ("%pforge nonsense ", set()),
        ("%pforge show 'unclosed quote then ", set()),
    ],
)
def test_what_may_follow(complete, line, expected):
    """Commands, options, labels, variables at the place chosen, parameters, stores; where nothing may, the line stays."""
    assert words(complete(line)) == (expected or {line.rpartition(" ")[2]})


def test_runs_are_completed_newest_first(lab, complete):
    """With what tells them apart as their order."""
    lab("%pforge start --id other")
    assert words(complete("%pforge attach o")) == {"other"}
    assert next(line.split()[-1] for line in complete("%pforge attach ")) == "other"


def test_keys_of_the_store(lab, complete):
    """Those that begin so."""
    lab("%pforge state set greeting hello")
    assert words(complete("%pforge state get gree")) == {"greeting"}


def test_variables_of_the_notebook_after_a_dollar(lab, complete):
    """``-p frame=$d`` names what the notebook has."""
    lab("document = 1")
    assert "n=$document" in words(complete("%pforge start -p n=$docu"))


def test_the_expression_of_set_is_completed_as_python(lab, complete):
    """Names of the notebook, and their attributes."""
    lab("import math\nradius_of_something = 2")
    assert "%pforge set n=radius_of_something" in complete("%pforge set n=radius_of")
    assert "%pforge set n=2*math.floor" in complete("%pforge set n=2*math.flo")


def test_values_of_an_enumeration(cell, complete):
    """The values that a parameter may have."""
    cell("def shout(by): return by.upper()")
    cell(
        "%%pforge pipeline loud\nparams: { by: { enum: [carrier, origin] }, dry: boolean }\n"
        "steps:\n  - { tool: shout, input: { by: '{{ by }}' }, output_var: x }\n"
    )
    assert words(complete("%pforge start -p by=")) == {"by=carrier", "by=origin"}
    assert words(complete("%pforge start -p dry=t")) == {"dry=true"}


def test_files_that_a_command_takes(complete, tmp_path):
    """YAML for load, notebooks for notebook, folders for both; names with spaces are quoted."""
    for name in ("flights.yaml", "my pipe.yml", "a.ipynb", "other.txt"):
        (tmp_path / name).touch()
    (tmp_path / "folder").mkdir()
    lines = complete("%pforge load ")
    assert "%pforge load flights.yaml" in lines
    assert "%pforge load 'my pipe.yml'" in lines
    assert "%pforge load folder/" in lines
    assert not any("other.txt" in line or "a.ipynb" in line for line in lines)
    assert words(complete("%pforge notebook a.")) == {"a.ipynb"}


def test_a_run_in_the_store_is_looked_up_without_executing_anything(cell, complete, tmp_path):
    """Parameters of a file that was not loaded; the module of its tools is never imported."""
    (tmp_path / "boom.py").write_text("open('imported', 'w').close()\ndef go(x): return x\n")
    (tmp_path / "p.yaml").write_text(
        "name: p\nparams: { speed: { type: integer, default: 1 } }\n"
        "tools: [{ type: native, name: go, handler: { path: 'boom:go' } }]\n"
        "steps: [{ tool: go, input: { x: '{{ speed }}' }, output_var: y }]\n"
    )
    assert words(complete("%pforge run p.yaml -p sp")) == {"speed="}
    assert not (tmp_path / "imported").exists()


def test_other_lines_are_none_of_ours(cell, complete):
    """Python is completed as ever."""
    cell("something_long = 1")
    assert "something_long" in complete("something_lo")
    assert "print('%pforge')  # somethin" not in complete("print('%pforge')  # somethin")


def test_loading_twice_completes_once_and_unloading_no_longer(shell, cell, complete):
    """The matcher comes and goes with the extension."""
    cell("%reload_ext pforge_lab")
    cell("%load_ext pforge_lab")
    assert len(complete("%pforge fini")) == 1
    cell("%unload_ext pforge_lab")
    assert "%pforge finish" not in complete("%pforge fini")
    assert shell.Completer.custom_matchers == []


@pytest.mark.kernel
def test_a_real_kernel_answers_with_types(kernel, function_cell, pipeline_cell):
    """What JupyterLab asks for: matches with their kinds."""
    for code in ("%load_ext pforge_lab", function_cell, pipeline_cell, "%pforge start", "%pforge step"):
        assert not kernel(code).error
    code = "r = %pforge goto lo"
    reply = kernel.client.complete(code, len(code), reply=True, timeout=60)["content"]
    assert reply["matches"] == ["load"]
    assert code[: reply["cursor_start"]] == "r = %pforge goto "
    assert reply["metadata"]["_jupyter_types_experimental"][0]["type"] == "step"


def test_a_store_with_a_thousand_runs_is_completed(complete, cell):
    """Heads are read, nothing else."""
    pipeline = pf.Pipeline("p", params={}, steps=[])
    for number in range(1000):
        pipeline.start({}, state="memory:thousand", id=f"run{number:04}")
    cell("%pforge open memory:thousand")
    assert len(complete("%pforge attach run09")) == 100
