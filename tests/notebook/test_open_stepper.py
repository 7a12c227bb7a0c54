"""An open stepper while cells move its run, in a shell and in a real kernel."""

from __future__ import annotations

import pytest


@pytest.fixture
def stepper(cell, shell, function_cell, pipeline_cell):
    """Return the stepper of a run that was started in a cell."""
    for code in (function_cell, pipeline_cell, "run = %pforge start", "stepper = %pforge ui"):
        assert not cell(code).error
    yield shell.user_ns["stepper"]
    shell.user_ns["stepper"].close()


def stands(stepper):
    return stepper.view["position"], stepper.view["status"], [row["status"] for row in stepper.view["steps"]]


def press(stepper, **message):
    stepper._received(stepper, message, [])
    stepper._moves.submit(lambda: None).result(30)


def test_a_step_of_the_magic_shows_in_it(stepper, cell):
    assert not cell("%pforge step").error
    assert stands(stepper) == (1, "paused", ["done", "pending", "pending"])


def test_a_step_by_a_call_shows_in_it(stepper, cell):
    assert not cell("run.step(2)").error
    assert stands(stepper) == (2, "paused", ["done", "done", "pending"])


def test_running_to_the_end_going_back_and_an_edit_show_in_it(stepper, cell):
    cell("%pforge finish")
    assert stands(stepper) == (3, "done", ["done"] * 3)
    cell("%pforge back 2")
    assert stepper.view["position"] == 1
    cell("%pforge set numbers=[5]")
    assert [row["label"] for row in stepper.view["steps"][:2]] == ["load", "edit"]


def test_a_step_that_fails_in_a_cell_shows_in_it_with_its_error(stepper, cell):
    cell("def load(n): raise ValueError('no data')")
    assert cell("%pforge step").error
    assert stands(stepper) == (0, "failed", ["failed", "pending", "pending"])
    assert "no data" in stepper.view["error"]


def test_after_a_fork_in_it_cells_stay_on_the_old_run_and_it_says_so(stepper, cell, shell):
    cell("%pforge step 2")
    press(stepper, do="fork", name="numbers", value="[7]", at=1)
    run, fork = shell.user_ns["run"], stepper.run
    assert f"other views and cells stay on {run.id}" in stepper.notice
    cell("%pforge step")
    assert (run.position, fork.position, stepper.view["id"]) == (3, 2, fork.id)
    press(stepper, do="show", run=stepper.other)
    assert stands(stepper) == (3, "done", ["done"] * 3)


def test_a_fork_in_a_cell_leaves_it_where_it_is_and_is_told(stepper, cell, shell):
    cell("%pforge step")
    cell("other = %pforge fork")
    assert (stepper.view["id"], stepper.other) == (shell.user_ns["run"].id, shell.user_ns["other"].id)
    cell("%pforge step")
    assert stepper.view["position"] == 1
    assert shell.user_ns["other"].position == 2


@pytest.mark.kernel
def test_a_kernel_sends_an_open_stepper_each_step_of_a_cell(
    kernel, function_cell, pipeline_cell, monkeypatch
):
    monkeypatch.setitem(kernel.client.session.metadata, "cellId", "one")  # as a page says which cell it is
    begin = (
        "%load_ext pforge_lab",
        function_cell,
        pipeline_cell,
        "run = %pforge start",
        "stepper = %pforge ui",
    )
    for code in begin:
        assert not kernel(code).error
    model = kernel("stepper.model_id").result["text/plain"].strip("'")
    seen = []

    def hook(message):
        content = message["content"]
        if message["msg_type"] == "comm_msg" and content["comm_id"] == model:
            seen.append(content["data"]["state"].get("view"))

    kernel.client.execute_interactive("%pforge step 2", output_hook=hook, timeout=60)
    assert [(view["position"], view["status"]) for view in seen if view][-1] == (2, "paused")
