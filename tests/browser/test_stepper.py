"""The stepper in real browsers: clicked, typed at, stopped, forked, reopened, exported."""

from __future__ import annotations

import re

import pytest

pytestmark = pytest.mark.kernel

TOOLS = """import pforge_lab as pf, time
import numpy as np, pandas as pd
def flights(n: int, by: str = "carrier"): return pd.DataFrame({"carrier": ["AA", "UA"] * n, "delay": np.arange(2.0 * n)})
def clean(flights): return flights[flights.delay > 1]
def delays(clean, by): return clean.groupby(by).delay.mean()
pipeline = pf.Pipeline.from_functions("daily", flights, clean, delays)
run = pipeline.start({"n": 1000})
"""
TWO = "from IPython.display import display\ndisplay(run.ui(), run.ui())"
WAITING = """import pforge_lab as pf, asyncio, threading
from http.server import BaseHTTPRequestHandler, HTTPServer
class Silent(BaseHTTPRequestHandler):
    def do_GET(self): threading.Event().wait()
server = HTTPServer(("127.0.0.1", 0), Silent)
threading.Thread(target=server.serve_forever, daemon=True).start()
async def dream(): await asyncio.sleep(600)
tools = [{"type": "cli", "name": "nap", "command": "sleep", "args": ["600"]},
         {"type": "http", "name": "ask", "endpoint": f"http://127.0.0.1:{server.server_port}/"}]
run = pf.Pipeline("waiting", tools=tools, steps=[KIND]).start()
"""
SPIN = """import pforge_lab as pf, time
def spin():
    while True: time.monotonic()
run = pf.Pipeline.from_functions("long", spin).start()
"""
LATE = """import threading
run.finish()
stepper, asked = run.ui(), threading.Event()
def heard(_, message, __):
    if message.get("do") == "back": stepper._looks.submit(asked.wait)
    if message.get("look") == "preview": asked.set()
stepper.on_msg(heard)
"""
HERE = ".pfs"
KEEP_NOTICES = """() => {
    window.notices = [];
    const told = document.querySelector('.pfs-notice span');
    new MutationObserver(() => window.notices.push(told.textContent)).observe(told, { childList: true });
}"""


def position(page, number):
    from playwright.sync_api import expect

    expect(page.locator(".pfs-status")).to_contain_text(re.compile(rf"position {number} ·"))


@pytest.fixture
def look_at(keep_picture, violations):
    """Return a function that keeps a picture of the stepper and lists what axe-core finds wrong in it."""

    def look(page, name):
        keep_picture(page.locator(HERE).first, name)
        return violations(page, HERE)

    return look


@pytest.mark.parametrize("door", ["lab", "notebook"])
def test_a_run_is_stepped_looked_at_edited_and_forked(door, server, open_notebook, look_at):
    server.write(f"step-{door}.ipynb", TOOLS, "run.ui()")
    page = open_notebook(f"step-{door}.ipynb", door=door)
    page.locator(HERE).wait_for()
    page.get_by_role("button", name="Step", exact=True).click()
    position(page, 1)
    page.get_by_role("button", name="Run to end").click()
    position(page, 3)
    page.get_by_role("button", name="Back").click()
    position(page, 2)
    page.get_by_role("option", name=re.compile("^clean, DataFrame")).click()
    page.locator(".pfs-detail caption").first.wait_for()
    assert look_at(page, f"stepper-{door}") == []
    page.get_by_role("option", name=re.compile("^by, str")).click()
    page.get_by_role("textbox", name="Value of by as JSON").fill('"delay"')
    page.get_by_role("button", name="Fork from here").click()
    page.get_by_text("a fork of").wait_for()
    position(page, 3)
    page.get_by_role("tab", name="Diff").click()
    page.locator(".pfs-panel table").first.wait_for()
    page.get_by_role("tab", name="Memory").click()
    page.locator("img.pf-chart").wait_for()
    assert look_at(page, f"stepper-{door}-memory") == []
    page.get_by_role("tab", name="Data flow").click()
    page.locator(".pfs-panel svg").first.wait_for()
    assert look_at(page, f"stepper-{door}-flow") == []


def test_an_answer_that_comes_late_is_not_shown_in_another_tab(server, open_notebook):
    server.write("late.ipynb", TOOLS, "run.finish(); run.ui()")
    page = open_notebook("late.ipynb")
    position(page, 3)
    for first in ("variables", "memory", "flow"):  # both clicks come before the kernel can answer the first
        page.evaluate(
            "names => names.forEach(name => document.querySelector(`[data-tab=${name}]`).click())",
            [first, "diff"],
        )
        page.locator(".pfs-panel caption", has_text="difference").wait_for()
        assert page.locator(".pfs-panel .pfs-variable, .pfs-panel img, .pfs-panel > svg").count() == 0
        page.get_by_role("tab", name="Record").click()
        page.locator(".pfs-panel caption", has_text="difference").wait_for(state="detached")


def test_a_row_drawn_anew_under_the_pressed_button_is_chosen(server, open_notebook):
    server.write("pressed.ipynb", TOOLS, "run.finish(); run.ui()")
    page = open_notebook("pressed.ipynb")
    row = page.get_by_role("option", name=re.compile("^flights, DataFrame"))
    row.hover()
    page.mouse.down()
    page.evaluate("() => document.querySelector('.pfs-panel .pfs-rows').dispatchEvent(new Event('scroll'))")
    page.mouse.up()
    page.get_by_role("option", name=re.compile("^flights, DataFrame"), selected=True).wait_for()
    page.locator(".pfs-detail caption").first.wait_for()
    assert page.evaluate("() => document.activeElement.getAttribute('aria-label')") == "Variables"


def test_what_is_chosen_before_the_variables_come_stays_chosen(server, open_notebook):
    server.write("early.ipynb", TOOLS, LATE, "stepper")
    page = open_notebook("early.ipynb")
    flights = page.get_by_role("option", name=re.compile("^flights, DataFrame"))
    flights.wait_for()
    page.get_by_role("button", name="Back", exact=True).click()
    position(page, 2)  # its variables come after a preview has been asked for
    flights.click()
    page.get_by_role("option", name=re.compile("^clean, DataFrame.*new")).wait_for()
    page.locator(".pfs-detail caption").first.wait_for()
    chosen = page.get_by_role("listbox", name="Variables").get_by_role("option", selected=True)
    assert chosen.get_attribute("aria-label").startswith("flights")


def test_a_run_is_stepped_in_voila(server, open_page, keep_picture):
    server.write("step-voila.ipynb", TOOLS, "run.ui()")
    page = open_page("voila/render/step-voila.ipynb")
    page.locator(HERE).wait_for()
    page.get_by_role("button", name="Step", exact=True).click()
    position(page, 1)
    keep_picture(page.locator(HERE), "stepper-voila")


def test_a_long_step_is_stopped(server, open_notebook):
    server.write("stop.ipynb", SPIN, "run.ui()")
    page = open_notebook("stop.ipynb")
    page.get_by_role("button", name="Step", exact=True).click()
    page.get_by_text("running spin").wait_for()
    page.get_by_role("button", name="Stop", exact=True).click()
    page.get_by_text("Stopped; what was complete is kept").wait_for()


@pytest.mark.parametrize("kind", ["nap", "ask", "dream"])
def test_stop_ends_a_command_a_request_and_a_coroutine_at_once_and_says_so(kind, server, open_notebook):
    step = "pf.Step(dream)" if kind == "dream" else f"pf.Step({kind!r})"
    server.write(f"stop-{kind}.ipynb", WAITING.replace("KIND", step), "run.ui()")
    page = open_notebook(f"stop-{kind}.ipynb")
    page.evaluate(KEEP_NOTICES)
    page.get_by_role("button", name="Step", exact=True).click()
    page.get_by_text(f"running {kind}").wait_for()
    stop = page.get_by_role("button", name="Stop", exact=True)
    assert "a C call finishes first" in stop.get_attribute("title")
    stop.click()
    page.get_by_text("Stopped; what was complete is kept").wait_for()
    assert f"Stopping {kind}: it ends at once." in page.evaluate("() => window.notices")


def test_two_steppers_agree_and_a_fork_in_one_is_offered_in_the_other(server, open_notebook, look_at):
    server.write("two.ipynb", TOOLS, TWO, "record = run.step()")
    page = open_notebook("two.ipynb")
    first, second = page.locator(HERE).nth(0), page.locator(HERE).nth(1)
    for each in (first, second):  # the cell after them has moved the run
        position(each, 1)
    first.get_by_role("button", name="Step", exact=True).click()
    position(second, 2)
    first.get_by_role("option", name=re.compile("^by, str")).click()
    first.get_by_role("textbox", name="Value of by as JSON").fill('"delay"')
    first.get_by_role("button", name="Fork from here").click()
    second.get_by_text("this view stays on").wait_for()
    position(first, 3)
    position(second, 2)
    assert look_at(page, "stepper-two-views") == []
    second.get_by_role("button", name=re.compile("^Show daily-")).click()
    position(second, 3)
    first.get_by_role("button", name="Back").click()
    position(second, 2)


def test_keys_alone_will_do_and_none_reaches_lab(server, open_notebook):
    server.write("keys.ipynb", TOOLS, "run.ui()")
    page = open_notebook("keys.ipynb")
    cells = page.locator(".jp-Notebook .jp-Cell").count()
    page.get_by_role("listbox", name="Steps").focus()
    for key, number in (("Enter", 1), ("Enter", 2), ("Backspace", 1)):
        page.keyboard.press(key)
        position(page, number)
    for key in ("a", "b", "x", "d", "d", "Home"):
        page.keyboard.press(key)
    assert page.locator(".jp-Notebook .jp-Cell").count() == cells
    assert page.evaluate("() => document.activeElement.getAttribute('aria-label')") == "Steps"


@pytest.mark.parametrize(("width", "scale"), [(700, 1), (1024, 1.25)])
def test_it_is_legible_in_the_dark_narrow_and_enlarged(width, scale, server, open_notebook, look_at):
    server.write("dark.ipynb", TOOLS, "run.finish(); run.back()", "run.ui()")
    page = open_notebook("dark.ipynb", width=width, scale=scale, scheme="dark")
    page.evaluate(
        "() => window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})"
    )
    page.locator("body[data-jp-theme-light=false]").wait_for(state="attached")
    page.get_by_role("option", name=re.compile("^clean, DataFrame")).click()
    page.locator(".pfs-detail caption").first.wait_for()
    assert look_at(page, f"stepper-dark-{width}") == []


def test_no_page_asked_another_host(server):
    assert server.asked == set()
