"""The run of the demo, on all flights of a year, in the stepper of a real browser: by mouse, and by keys alone."""

from __future__ import annotations

import re

import pytest

from pforge_lab.demo import copy_notebooks

pytestmark = pytest.mark.kernel

CELL = """import pforge_lab as pf
run = pf.load_pipeline("flights.yaml").start()
"""
STEPS = ("load", "clean", "join_weather", "join_planes", "delays", "fit", "rank", "report", "save")


@pytest.fixture
def page(server, open_notebook):
    """Return a page with a run of the flights at its start in a stepper."""
    copy_notebooks(server.folder)
    server.write("flights-stepped.ipynb", CELL, "run.ui()")
    return open_notebook("flights-stepped.ipynb")


def position(page, number):
    from playwright.sync_api import expect

    label = STEPS[number - 1] if number else "Start"
    expect(page.locator(".pfs-status")).to_contain_text(f"position {number} · {label}")


def chosen(page, name):
    page.locator(".pfs-panes > .pfs-rows").get_by_role(
        "option", name=re.compile(f"^{name},?"), selected=True
    ).wait_for()


def test_all_steps_forward_and_back_by_mouse(page, keep_picture, violations):
    for number in range(1, len(STEPS) + 1):
        page.get_by_role("button", name="Step", exact=True).click()
        position(page, number)
    page.get_by_text("done", exact=False).first.wait_for()
    page.get_by_role("option", name=re.compile("^ranking, DataFrame")).click()
    page.locator(".pfs-detail caption").first.wait_for()
    keep_picture(page.locator(".pfs"), "flights-end")
    assert violations(page, ".pfs") == []
    for number in range(len(STEPS) - 1, -1, -1):
        page.get_by_role("button", name="Back", exact=True).click()
        position(page, number)
    page.get_by_role("button", name="Run to end").click()
    position(page, len(STEPS))
    page.get_by_role("button", name="Reset").click()
    position(page, 0)


def test_all_steps_forward_and_back_by_keys_alone_with_the_focus_kept(page):
    steps = page.get_by_role("listbox", name="Steps")
    cells = page.locator(".jp-Notebook .jp-Cell").count()
    focused = "() => document.activeElement.getAttribute('aria-label')"
    steps.focus()
    for number in range(1, len(STEPS) + 1):
        page.keyboard.press("Enter")
        position(page, number)
        chosen(page, STEPS[number - 1])
        assert page.evaluate(focused) == "Steps"
    page.keyboard.press("Home")
    chosen(page, "Start")
    for label in STEPS[:3]:
        page.keyboard.press("ArrowDown")
        chosen(page, label)
    page.keyboard.press("ArrowUp")
    chosen(page, STEPS[1])
    page.keyboard.press("End")
    chosen(page, STEPS[-1])
    position(page, len(STEPS))  # to choose is not to move
    for number in range(len(STEPS) - 1, -1, -1):
        page.keyboard.press("Backspace")
        position(page, number)
        assert page.evaluate(focused) == "Steps"
    assert page.locator(".jp-Notebook .jp-Cell").count() == cells


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_looks_like_this(scheme, server, open_notebook, keep_picture, violations):
    copy_notebooks(server.folder)
    server.write(f"flights-{scheme}.ipynb", CELL, "run.finish(until='rank');", "run.ui()")
    page = open_notebook(f"flights-{scheme}.ipynb", width=1560, height=1000, scheme=scheme)
    if scheme == "dark":
        page.evaluate(
            "() => window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})"
        )
        page.locator("body[data-jp-theme-light=false]").wait_for(state="attached")
    page.get_by_role("option", name=re.compile("^ranking, DataFrame")).click()
    page.locator(".pfs-detail caption").first.wait_for()
    page.mouse.move(0, 0)
    keep_picture(page.locator(".pfs"), f"flights-{scheme}")
    assert violations(page, ".pfs") == []
    page.get_by_role("tab", name="Memory").click()
    page.locator("img.pf-chart").wait_for()
    keep_picture(page.locator(".pfs"), f"flights-memory-{scheme}")
    page.get_by_role("tab", name="Data flow").click()
    page.locator(".pfs-panel svg").first.wait_for()
    keep_picture(page.locator(".pfs"), f"flights-flow-{scheme}")
    assert violations(page, ".pfs") == []


def test_no_page_asked_another_host(server):
    print(f"hosts requested: {sorted(server.asked)}")
    assert server.asked == set()
