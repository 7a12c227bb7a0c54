"""The stepper in a browser with 2,000 steps, with 500 variables, with 200 MB: as quick to use as any other."""

from __future__ import annotations

import re
from statistics import median

import pytest

pytestmark = pytest.mark.kernel

LONG = """import pforge_lab as pf
from itertools import count
numbers = count()
def step(): return next(numbers)
steps = [pf.Step(step, label=f"number {place}", output_var=f"v{place % 20}") for place in range(2000)]
run = pf.Pipeline("long", steps=steps, max_steps=2000).start(state="memory:")
run.step(1200); run.goto(1000)
"""
WIDE = """import pforge_lab as pf
def count(**values): return len(values)
names = [f"variable_{place:03}" for place in range(500)]
pipeline = pf.Pipeline("wide", params=dict.fromkeys(names, "integer"), steps=[pf.Step(count, output_var="n")])
run = pipeline.start({name: place for place, name in enumerate(names)}, state="memory:")
run.finish()
"""
HEAVY = """import pforge_lab as pf
import numpy as np, pandas as pd
def frame(): return pd.DataFrame({"a": np.arange(12_500_000.0), "b": np.arange(12_500_000.0)})
def total(frame): return float(frame.a.sum())
run = pf.Pipeline.from_functions("heavy", frame, total).start()
run.finish();
"""
TWENTY = """import pforge_lab as pf
def step(x): return x + 1
run = pf.Pipeline("twenty", params={"x": "integer"}, steps=[
    pf.Step(step, input={"x": "{{ x }}"}, output_var="x", label=f"step {place}") for place in range(20)]).start({"x": 0})
"""
MEASURED = "name => performance.getEntriesByName(name).map(entry => entry.duration)"
LOADED = "() => !document.querySelector('.pfs-unknown')"
MOST_SENT = 200_000  # bytes


def position(page, number):
    from playwright.sync_api import expect

    expect(page.locator(".pfs-status")).to_contain_text(
        re.compile(rf"position {number:,} ·|position {number} ·")
    )


def chosen(page, name):
    """Wait until the row of that name is the chosen one of a list and in sight."""
    page.get_by_role("option", name=re.compile(rf"^{name}\b"), selected=True).wait_for()


def told(page, name, what):
    figures = page.evaluate(MEASURED, name)
    print(f"{what}: {median(figures):.1f} ms (median of {len(figures)})")
    assert figures


def test_two_thousand_steps_are_walked_through_by_keys(server, open_notebook, keep_picture):
    server.write("long.ipynb", LONG, "run.ui()")
    page = open_notebook("long.ipynb")
    position(page, 1000)
    steps = page.get_by_role("listbox", name="Steps")
    steps.focus()
    page.keyboard.press("End")
    chosen(page, "number 1999")
    page.get_by_text("This step has not run yet.").wait_for()
    keep_picture(page.locator(".pfs"), "stepper-2000-steps-end")
    page.keyboard.press("Home")
    chosen(page, "Start")
    for place in range(3):
        page.keyboard.press("ArrowDown")
        chosen(page, f"number {place}")
    page.get_by_text("Variables after number 2").wait_for()
    for number in range(1001, 1021):
        page.keyboard.press("Enter")
        position(page, number)
        chosen(page, f"number {number - 1}")
    page.keyboard.press("Backspace")
    position(page, 1019)
    page.wait_for_function(LOADED)
    keep_picture(page.locator(".pfs"), "stepper-2000-steps")
    assert page.evaluate("() => document.activeElement.getAttribute('aria-label')") == "Steps"
    assert page.locator(".pfs-step").count() < 60
    told(page, "pforge-redraw", "redraw of a stepper of 2,000 steps")
    told(page, "pforge-click-to-redraw", "from the key to the redraw of 2,000 steps")


def test_a_diff_of_two_thousand_steps_takes_a_position(server, open_notebook):
    server.write("long-diff.ipynb", LONG, "run.ui()")
    page = open_notebook("long-diff.ipynb")
    page.get_by_role("tab", name="Diff", exact=True).click()
    field = page.get_by_role("spinbutton", name="Compare with position")
    assert field.input_value() == "999"
    field.fill("990")
    field.press("Tab")
    for name in ("v10", "v19"):
        page.locator(".pfs-panel td, .pfs-panel th").get_by_text(name, exact=True).wait_for()


def test_five_hundred_variables_are_walked_through_by_keys(server, open_notebook, keep_picture):
    server.write("wide.ipynb", WIDE, "run.ui()")
    page = open_notebook("wide.ipynb")
    page.get_by_role("option", name=re.compile("^variable_000")).click()
    page.keyboard.press("End")
    chosen(page, "n")
    page.keyboard.press("ArrowUp")
    chosen(page, "variable_499")
    page.locator(".pfs-detail").get_by_text("499").first.wait_for()
    page.wait_for_function(LOADED)
    keep_picture(page.locator(".pfs"), "stepper-500-variables")
    for button, number in (("Back", 0), ("Step", 1)) * 3:
        page.get_by_role("button", name=button, exact=True).click()
        position(page, number)
        chosen(page, "variable_499")
    told(page, "pforge-redraw-variables", "redraw of 500 variables")


def test_from_a_click_to_what_it_shows(server, open_notebook):
    server.write("twenty.ipynb", TWENTY, "run.ui()")
    page = open_notebook("twenty.ipynb")
    for number in range(1, 21):
        page.get_by_role("button", name="Step", exact=True).click()
        position(page, number)
    told(page, "pforge-click-to-redraw", "from click to redraw of a run of 20 steps")
    told(page, "pforge-redraw", "of that the redraw itself")


def test_two_hundred_megabytes_in_a_variable_are_some_kilobytes_in_the_page(server, open_notebook):
    server.write("heavy.ipynb", HEAVY, "run.ui()")
    page = open_notebook("heavy.ipynb")
    page.get_by_role("option", name=re.compile("^frame, DataFrame 12,500,000")).click()
    page.locator(".pfs-detail caption").first.wait_for()
    page.get_by_role("tab", name="Record").click()
    page.locator(".pfs-panel").get_by_text("total").first.wait_for()
    page.get_by_role("tab", name="Diff").click()
    page.locator(".pfs-panel table").first.wait_for()
    page.get_by_role("tab", name="Memory").click()
    page.locator("img.pf-chart").wait_for()
    print(f"a stepper with a frame of 200 MB, all tabs: {sum(page.received):,} bytes sent to the page")
    assert 0 < sum(page.received) < MOST_SENT


def test_no_page_asked_another_host(server):
    print(f"hosts requested: {sorted(server.asked)}")
    assert server.asked == set()
