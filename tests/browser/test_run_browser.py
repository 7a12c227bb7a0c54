"""The run browser and the comparison of two runs in JupyterLab: by hand, by keys, light and dark, narrow."""

from __future__ import annotations

import re

import pytest

pytestmark = pytest.mark.kernel

RUNS = """import pforge_lab as pf
import numpy as np, pandas as pd
%load_ext pforge_lab
def flights(n: int, by: str = "carrier"): return pd.DataFrame({"carrier": ["AA", "UA"] * n, "delay": np.arange(2.0 * n)})
def clean(flights): return flights[flights.delay > 1]
def delays(clean, by): return clean.groupby(by).delay.mean()
daily = pf.Pipeline.from_functions("daily", flights, clean, delays)
daily.start({"n": 100_000}, state="memory:browsed", id="first").finish()
daily.start({"n": 200_000}, state="memory:browsed", id="second").finish()
daily.start({"n": 3000}, state="memory:browsed", id="half").step(1)
try:
    daily.start({"n": 10, "by": "nothing"}, state="memory:browsed", id="wrong").finish()
except pf.StepError:
    pass
nothing = pf.Pipeline("nothing", steps=[])
for place in range(300): nothing.start(state="memory:browsed", id=f"empty-{place:03}")
"""
OPEN = "%pforge open memory:browsed"
HERE = ".pfr"


@pytest.fixture
def browsed(server, open_notebook):
    """Return a function that opens a notebook with the run browser."""

    def opened(name, *, scheme="light", width=1280):
        server.write(f"{name}.ipynb", RUNS, f"{OPEN};", "%pforge runs")
        page = open_notebook(f"{name}.ipynb", scheme=scheme, width=width)
        theme = f"JupyterLab {scheme.title()}"
        page.evaluate(
            "theme => window.jupyterapp.commands.execute('apputils:change-theme', { theme })", theme
        )
        light = str(scheme == "light").lower()
        page.locator(f"body[data-jp-theme-light={light}]").wait_for(state="attached")
        page.get_by_text("304 runs", exact=True).wait_for()
        return page

    return opened


def choose(page, run):
    page.get_by_role("searchbox", name="Runs that contain").fill("daily")
    page.get_by_text("4 runs", exact=True).wait_for()
    page.get_by_role("option", name=re.compile(f"^{run}, ")).click()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 700)])
def test_runs_are_searched_looked_at_and_compared(scheme, width, browsed, keep_picture, violations):
    page = browsed(f"runs-{scheme}-{width}", scheme=scheme, width=width)
    assert page.locator(f"{HERE} .pfr-run[role=option]").count() < 60
    choose(page, "second")
    page.locator(f"{HERE} .pfs-panel").get_by_text(re.compile("400,000 . 2")).first.wait_for()
    page.get_by_role("option", name=re.compile("^second, done, .*stored")).wait_for()
    keep_picture(page.locator(HERE), f"runs-{scheme}-{width}")
    assert violations(page, HERE) == []
    page.get_by_role("combobox", name="Status").select_option("unfinished")
    page.get_by_text("1 run", exact=True).wait_for()
    page.locator(f"{HERE} .pfs-panel").get_by_text("KeyError: 'nothing'").first.wait_for()
    page.get_by_role("combobox", name="Status").select_option("")
    choose(page, "first")
    page.get_by_role("button", name="Compare", exact=True).click()
    page.get_by_text("A is first.").wait_for()
    choose(page, "second")
    page.get_by_role("button", name="Compare with it").click()
    page.get_by_role("option", name=re.compile("^flights, A done")).click()
    page.get_by_role("group", name="Run B", exact=True).get_by_text("Attempts").wait_for()
    keep_picture(page.locator(".pfc"), f"comparison-{scheme}-{width}")
    assert violations(page, HERE) == []
    page.get_by_role("tab", name="Variables (4)").click()
    page.get_by_role("option", name=re.compile("^flights, changed")).click()
    page.get_by_role("group", name="Run B", exact=True).get_by_text(
        re.compile("400,000 . 2")
    ).first.wait_for()
    keep_picture(page.locator(".pfc"), f"comparison-variables-{scheme}-{width}")
    assert violations(page, HERE) == []
    page.get_by_role("tab", name="Memory").click()
    page.locator(".pfc img.pf-chart").nth(1).wait_for()
    keep_picture(page.locator(".pfc"), f"comparison-memory-{scheme}-{width}")
    assert violations(page, HERE) == []
    assert page.errors == []


def test_a_run_is_opened_stepped_forked_and_deleted_by_keys(browsed, keep_picture, violations):
    page = browsed("runs-keys")
    cells = page.locator(".jp-Notebook .jp-Cell").count()
    choose(page, "half")
    runs = page.get_by_role("listbox", name="Runs")
    runs.focus()
    page.keyboard.press("Enter")
    page.get_by_text("half is open below.").wait_for()
    page.get_by_role("button", name="Step", exact=True).click()
    page.get_by_role("option", name=re.compile("^half, paused, daily, 2 of 3 steps")).wait_for()
    keep_picture(page.locator(HERE), "runs-opened")
    assert violations(page, HERE) == []
    page.get_by_role("button", name="Resume").click()
    page.get_by_role("option", name=re.compile("^half, done, daily, 3 of 3 steps")).wait_for()
    page.get_by_role("button", name="Fork", exact=True).first.click()
    page.get_by_text("is a fork of half at position 3.").wait_for()
    page.get_by_text("5 runs", exact=True).wait_for()
    page.get_by_role("button", name="Close").click()
    runs.focus()
    page.keyboard.press("Delete")
    page.get_by_role("alertdialog").wait_for()
    keep_picture(page.locator(HERE), "runs-delete")
    assert violations(page, HERE) == []
    page.keyboard.press("Escape")
    page.get_by_role("alertdialog").wait_for(state="hidden")
    page.keyboard.press("Delete")
    page.get_by_role("button", name="Delete it").click()
    page.get_by_text("4 runs", exact=True).wait_for()
    for typed in ("a", "b", "x", "d", "d"):
        page.keyboard.press(typed)
    assert page.locator(".jp-Notebook .jp-Cell").count() == cells
    assert page.errors == []


def test_a_run_is_opened_in_notebook_7(server, open_notebook):
    server.write(
        "runs-notebook.ipynb",
        RUNS.replace("browsed", "browsed-7"),
        "%pforge open memory:browsed-7",
        "%pforge runs",
    )
    page = open_notebook("runs-notebook.ipynb", door="notebook")
    opened_and_stepped(page)


def test_a_run_is_opened_in_voila(server, open_page):
    server.write("runs-voila.ipynb", RUNS, "pf.runs('memory:browsed').ui()")
    opened_and_stepped(open_page("voila/render/runs-voila.ipynb"))


def opened_and_stepped(page):
    choose(page, "half")
    page.get_by_role("button", name="Open").click()
    page.get_by_role("button", name="Step", exact=True).click()
    page.get_by_role("option", name=re.compile("^half, paused, daily, 2 of 3 steps")).wait_for()


def test_no_page_asked_another_host(server):
    assert server.asked == set()
