"""A notebook with every widget, saved, and opened again when its kernel is gone."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.kernel

RUNS = """%load_ext pforge_lab
import pforge_lab as pf
def count(n: int): return list(range(n))
pipeline = pf.Pipeline.from_functions("counting", count)
for n in (3, 4): pipeline.start({"n": n}, state="memory:reopened", id=f"run-{n}").finish()
state = pf.open_state("memory:reopened")
state.set("greeting", b"hello")
"""
SHOWN = (
    "%pforge open memory:reopened",
    "%pforge runs",
    "%pforge compare run-3 run-4",
    "pf.open_run('run-3', state=state).ui()",
    "%pforge state ui",
)
END = """async () => {
    const panel = window.jupyterapp.shell.currentWidget;
    await panel.context.save();
    await panel.sessionContext.shutdown();
}"""


def test_what_widgets_showed_is_read_without_a_kernel(server, open_notebook, keep_picture, violations):
    """Tables in place of widgets: nothing blank, no error, no name of a class."""
    server.write("reopened.ipynb", RUNS, *SHOWN)
    page = open_notebook("reopened.ipynb")
    page.locator(".pfs").nth(3).wait_for()
    assert page.locator(".pforge-still:visible").count() == 0
    page.evaluate(END)
    again = open_notebook("reopened.ipynb", run=False)
    for fact in (
        "2 runs in memory:reopened",
        "two runs compared",
        "Variables at position 1, count",
        "greeting",
    ):
        again.locator(".pforge-still").get_by_text(fact).first.wait_for()
    body = again.locator(".jp-Notebook").inner_text()
    assert "Error displaying widget" not in body
    assert "Loading widget" not in body
    assert "Browser(" not in body
    keep_picture(again.locator(".jp-Notebook"), "reopened")
    assert violations(again, ".jp-OutputArea-output .pforge-view") == []


def test_no_page_asked_another_host(server):
    assert server.asked == set()
