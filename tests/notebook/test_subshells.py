"""A stepper's buttons in a subshell of a real kernel, while its main thread executes a cell."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.kernel


@pytest.fixture
def subshell(kernel):
    """Return a function that sends a message to a subshell of the kernel."""
    client = kernel.client
    asked = client.session.msg("create_subshell_request")
    client.control_channel.send(asked)
    made = client.control_channel.get_msg(timeout=60)["content"]
    assert made["status"] == "ok", made

    def send(kind, content):
        message = client.session.msg(kind, content)
        message["header"]["subshell_id"] = made["subshell_id"]
        client.shell_channel.send(message)
        return message["header"]["msg_id"]

    return send


def next_of(client, condition):
    """Return the next message of the kernel that is such."""
    while True:
        message = client.get_iopub_msg(timeout=60)
        if condition(message):
            return message


def opened(client, subshell):
    """Open a stepper in the subshell, where what a page sends to it goes from then on; return its model."""
    asked = subshell(
        "execute_request", {"code": "stepper = run.ui()\nprint(stepper.model_id)", "silent": False}
    )
    told = next_of(client, lambda message: message["msg_type"] == "stream")
    next_of(
        client,
        lambda message: (
            message["content"].get("execution_state") == "idle"
            and message["parent_header"].get("msg_id") == asked
        ),
    )
    return told["content"]["text"].strip()


def test_a_button_pressed_while_a_cell_executes_moves_the_run_and_the_cell_goes_on(
    kernel, subshell, function_cell, pipeline_cell, monkeypatch
):
    monkeypatch.setitem(kernel.client.session.metadata, "cellId", "one")  # as a page says which cell it is
    waiting = "import threading; go = threading.Event()"
    for code in ("%load_ext pforge_lab", function_cell, pipeline_cell, "run = %pforge start", waiting):
        assert not kernel(code).error
    client, seen = kernel.client, []
    model = opened(client, subshell)
    cell = client.execute("print('inside', flush=True); went = go.wait(60)")

    def is_view(message):
        return message["msg_type"] == "comm_msg" and "view" in message["content"]["data"].get("state", {})

    def ends(message):
        idle = message["content"].get("execution_state") == "idle"
        return idle and message["parent_header"].get("msg_id") == cell

    next_of(client, lambda message: message["content"].get("text") == "inside\n")
    subshell("comm_msg", {"comm_id": model, "data": {"method": "custom", "content": {"do": "step"}}})
    while not seen or seen[-1]["position"] != 1:
        message = next_of(client, lambda message: is_view(message) or ends(message))
        assert not ends(message)
        seen.append(message["content"]["data"]["state"]["view"])
    subshell("execute_request", {"code": "go.set()", "silent": False})
    next_of(client, ends)
    assert kernel("print(went, run.position, run['numbers'])").out == "True 1 [0, 1, 2]\n"
