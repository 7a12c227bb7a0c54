"""A pipeline's file that changes while a run of it is under way."""

from __future__ import annotations

import os
import sys
from itertools import count

import pytest

import pforge_lab as pf
from pforge_lab.runs import api

TOOLS = """
calls = []
def load(n): calls.append("load"); return list(range(n))
def double(xs): calls.append("double"); return [2 * x for x in xs]
def triple(xs): calls.append("triple"); return [3 * x for x in xs]
def total(xs): calls.append("total"); return sum(xs)
"""

PIPELINE = """
name: sums
params:
  n: {{ type: integer }}
tools:
  - {{ type: native, name: load, handler: {{ path: "{module}:load" }} }}
  - {{ type: native, name: double, handler: {{ path: "{module}:double" }} }}
  - {{ type: native, name: triple, handler: {{ path: "{module}:triple" }} }}
  - {{ type: native, name: total, handler: {{ path: "{module}:total" }} }}
steps:
  - {{ tool: load, input: {{ n: "{{{{ n }}}}" }}, output_var: xs }}
  - {{ tool: double, input: {{ xs: "{{{{ xs }}}}" }}, output_var: ys }}
  - {{ tool: total, input: {{ xs: "{{{{ ys }}}}" }}, output_var: sum }}
"""
DOUBLE = '  - { tool: double, input: { xs: "{{ xs }}" }, output_var: ys }\n'
TRIPLE = '  - { tool: triple, input: { xs: "{{ xs }}" }, output_var: ys }\n'
TOTAL = '  - { tool: total, input: { xs: "{{ ys }}" }, output_var: sum }\n'
_numbers = count()


class File:
    """A pipeline's file and the tools beside it."""

    def __init__(self, folder):
        self.module = f"changing_tools_{next(_numbers)}"
        (folder / f"{self.module}.py").write_text(TOOLS, encoding="utf-8")
        self.path = folder / "sums.yaml"
        self.text = PIPELINE.format(module=self.module)
        self.write(self.text)

    def write(self, text):
        """Write the file, later than it was."""
        self.text = text
        self.path.write_text(text, encoding="utf-8")
        later = 1_700_000_000 + next(_numbers)
        os.utime(self.path, (later, later))

    def replace(self, old, new):
        """Change the file."""
        assert old in self.text
        self.write(self.text.replace(old, new))

    @property
    def calls(self):
        """Return which tools were called, and forget them."""
        called = next(module.calls for name, module in sys.modules.items() if self.module in name)
        listed = list(called)
        called.clear()
        return listed


@pytest.fixture
def file(tmp_path):
    return File(tmp_path)


@pytest.fixture
def run(file, memory):
    with pf.open_state(memory) as state:
        run = pf.load_pipeline(file.path).start({"n": 4}, state=state)
        run.finish()
        assert file.calls == ["load", "double", "total"]
        yield run


def again(run):
    """Return the run as another process opens it."""
    api.forget(run)
    return pf.open_run(run.id, state=run.state)


# -- what differs is told


def test_an_unchanged_file_is_not_told_of(run, file):
    file.write(file.text + "\n# a comment\n")
    assert run.revision() is None
    assert again(run).revision() is None
    assert "Pipeline file changed" not in repr(run)


def test_a_changed_step_is_told_with_what_to_do(run, file):
    file.replace(DOUBLE, TRIPLE)
    for one in (run, again(run)):
        found = one.revision()
        assert (found.changed, found.unchanged, found.first) == (("triple", "double"), 1, "triple")
        shown = " ".join(repr(one).split())
        assert "Pipeline file changed: 'triple', 'double'; the run goes on as it was started" in shown
        assert "run.fork_changed() with the change from 'triple'" in shown
        assert "Pipeline file changed" in one._repr_html_()


def test_a_changed_definition_of_a_tool_is_a_changed_step(run, file):
    file.replace(f"{file.module}:double", f"{file.module}:triple")
    assert run.revision().changed == ("double",)


def test_steps_that_moved_are_told(run, file):
    file.replace(DOUBLE + TOTAL, TOTAL + DOUBLE)
    assert (run.revision().changed, run.revision().unchanged) == (("total", "double"), 1)


def test_settings_beside_the_steps_are_told(run, file):
    file.write(file.text + "memory: { drop_unused: true }\n")
    assert (run.revision().changed, str(run.revision())) == ((), "what it says beside its steps")
    assert "what it says beside its steps" in repr(run)


def test_a_broken_file_is_told_and_breaks_nothing(run, file):
    file.write("steps: [")
    assert "Pipeline file changed: it cannot be read (" in " ".join(repr(run).split())
    with pytest.raises(pf.SpecError):
        run.revision()
    with pytest.raises(pf.SpecError):
        run.fork_changed()


def test_a_file_that_has_gone_is_told_when_it_is_needed(run, file):
    file.path.unlink()
    assert run.revision() is None
    with pytest.raises(pf.RunError, match="there is no file .*sums.yaml any more; pass the changed pipeline"):
        run.fork_changed()


def test_nothing_happens_unasked(run, file):
    """A run goes on with the definition it was started with."""
    run.goto(1)
    file.replace(DOUBLE, TRIPLE)
    assert again(run).finish().variables["sum"] == 12
    assert file.calls == ["double", "total"]


# -- going on with it


def test_going_on_executes_from_the_first_change(run, file):
    file.replace(DOUBLE, TRIPLE)
    new = run.fork_changed()
    assert (new.position, new.status, new.next_label, file.calls) == (1, "paused", "triple", [])
    assert new.finish().variables["sum"] == 18
    assert file.calls == ["triple", "total"]
    assert (run["sum"], run.status) == (12, "done")
    assert new.revision() is None
    assert again(new).history == new.history


def test_a_change_further_on_leaves_the_run_where_it_stands(run, file):
    run.goto(1)
    file.replace(TOTAL, TOTAL + TOTAL.replace("sum", "sum2"))
    new = run.fork_changed()
    assert new.position == 1
    assert new.finish().variables["sum2"] == 12
    assert file.calls == ["double", "total", "total"]


def test_a_step_less_may_leave_nothing_to_execute(run, file):
    file.replace(TOTAL, "")
    new = run.fork_changed()
    assert (new.position, new.status, new.next_label, run.revision().changed) == (2, "done", None, ("total",))
    assert "sum" not in new.variables


def test_a_step_more_at_the_start_executes_all(run, file):
    file.replace("steps:\n", "steps:\n" + TOTAL.replace("{{ ys }}", "{{ [n] }}").replace("sum", "first"))
    new = run.fork_changed()
    assert (new.position, new.status) == (0, "ready")
    assert new.finish().variables["sum"] == 12


def test_settings_beside_the_steps_are_taken_over(run, file):
    file.write(file.text + "memory: { drop_unused: true }\n")
    new = run.fork_changed()
    assert (new.position, new.status, new.drop_unused) == (3, "done", True)


def test_an_earlier_step_can_be_chosen_and_a_later_one_cannot(run, file):
    file.replace(DOUBLE, TRIPLE)
    new = run.fork_changed(from_step="load")
    assert new.position == 0
    with pytest.raises(
        pf.UsageError, match="cannot go on from 'total': 'triple' comes before it and differs"
    ):
        run.fork_changed(from_step="total")
    with pytest.raises(pf.PositionError, match="there is no step 'tripel', did you mean 'triple'"):
        run.fork_changed(from_step="tripel")


def test_new_params_are_given_or_asked_for(run, file):
    file.replace("  n: { type: integer }\n", "  n: { type: integer }\n  k: { type: integer }\n")
    file.replace("{{ ys }}", "{{ [k] }}")
    with pytest.raises(pf.ParamError, match="k: missing"):
        run.fork_changed()
    assert run.fork_changed(params={"k": 5}).finish().variables["sum"] == 5


def test_new_params_with_a_default_need_nothing(run, file):
    file.replace("  n: { type: integer }\n", "  n: { type: integer }\n  k: { type: integer, default: 7 }\n")
    file.replace("{{ ys }}", "{{ [k] }}")
    assert run.fork_changed().finish().variables["sum"] == 7


def test_a_snapshot_that_was_removed_is_told(file, memory):
    run = pf.load_pipeline(file.path).start({"n": 4}, state=memory, keep=1)
    run.finish()
    file.replace(DOUBLE, TRIPLE)
    with pytest.raises(pf.PositionError, match="positions that can be gone to: 0, 3"):
        run.fork_changed()
    assert run.fork_changed(from_step="load").finish().variables["sum"] == 18


def test_unchanged_is_told(run):
    with pytest.raises(pf.RunError, match="is as it was when run .* started; go on with run.finish"):
        run.fork_changed()


def test_pipelines_from_no_file_are_given(run, numbers, memory):
    own = numbers.start({"n": 1}, state=memory)
    own.finish()
    assert own.revision() is None
    with pytest.raises(pf.RunError, match="came from no file; pass the changed one"):
        own.fork_changed()


def test_a_loop_is_left_before_the_jump_into_what_differs(memory):
    """A place that a step jumped to may be another step now: the step that jumped is executed again."""

    def more(i):
        return i + 1

    def end(i):
        return i * 10

    def late(i):
        return i * 100

    def made(last):
        return pf.Pipeline("loop", params={"i": "integer"}, steps=[
            pf.Step(more, input={"i": "{{ i }}"}, output_var="i", label="more",
                    next=[{"if": "i < 3", "goto": "more"}, {"goto": "last"}]),
            pf.Step(end, input={"i": "{{ i }}"}, output_var="skipped", label="between"),
            pf.Step(last, input={"i": "{{ i }}"}, output_var="out", label="last"),
        ])  # fmt: skip

    run = made(end).start({"i": 0}, state=memory)
    run.finish()
    new = run.fork_changed(made(late))
    assert (new.position, new.next_label) == (2, "more")
    assert new.finish().variables["out"] == 300
