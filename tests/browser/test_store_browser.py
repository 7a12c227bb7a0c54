"""The store browser in JupyterLab: searched, looked into, deleted from and put back."""

from __future__ import annotations

import re

import pytest

pytestmark = pytest.mark.kernel

STORE = """import pforge_lab as pf
state = pf.open_state("memory:browsed")
state.set_many({f"row/{n:05}": b"%d" % n for n in range(5000)})
state.set_json("settings", {"by": "carrier", "limits": [1, 2, 3]})
state.set("note", b"hello", ttl=3600)
"""
HERE = ".pfk"


def in_theme(page, scheme):
    """Have Lab in a theme, whatever theme a test before has left."""
    theme = f"JupyterLab {scheme.title()}"
    page.evaluate("theme => window.jupyterapp.commands.execute('apputils:change-theme', { theme })", theme)
    light = str(scheme == "light").lower()
    page.locator(f"body[data-jp-theme-light={light}]").wait_for(state="attached")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_keys_are_searched_looked_at_deleted_and_put_back(
    scheme, server, open_notebook, keep_picture, violations
):
    """By hand and by keys; axe-core finds nothing wrong; a list of thousands is drawn as far as it shows."""
    server.write(f"store-{scheme}.ipynb", STORE, "state.ui()")
    page = open_notebook(f"store-{scheme}.ipynb", scheme=scheme)
    in_theme(page, scheme)
    page.locator(HERE).get_by_text("5,002 keys").wait_for()
    assert page.locator(f"{HERE} [role=option]").count() < 60
    keys = page.get_by_role("listbox", name="Keys")
    keys.focus()
    page.keyboard.press("End")
    page.get_by_role("option", name=re.compile("^settings, ")).wait_for()
    page.locator(".pfs-panel").get_by_text("carrier").wait_for()
    keep_picture(page.locator(HERE), f"store-{scheme}")
    assert violations(page, HERE) == []
    page.get_by_role("searchbox", name="Keys that begin with").fill("no")
    page.get_by_role("option", name=re.compile("^note, .*expires in")).wait_for()
    keys.focus()
    page.keyboard.press("Delete")
    page.get_by_text("Deleted note. Undo puts it back.").wait_for()
    page.get_by_text("No key matches.").wait_for()
    page.get_by_role("button", name="Undo").click()
    page.get_by_role("option", name=re.compile("^note")).wait_for()
    page.get_by_text("note is back.").wait_for()
    page.get_by_role("button", name="Figures").click()
    page.locator(HERE).get_by_text("Largest values").wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_hundred_thousand_keys_on_a_narrow_page(scheme, server, open_notebook, keep_picture, violations):
    """What is not in sight is neither asked for nor drawn, wherever in the list one looks; nothing sticks out."""
    many = 'state.set_many({f"many/{n:06}": b"%d" % n for n in range(100_000)})'
    server.write(f"many-{scheme}.ipynb", STORE.replace("browsed", f"many-{scheme}"), many, "state.ui()")
    page = open_notebook(f"many-{scheme}.ipynb", width=700, scheme=scheme)
    in_theme(page, scheme)
    page.locator(HERE).get_by_text("105,002 keys").wait_for()
    keys = page.get_by_role("listbox", name="Keys")
    keys.focus()
    page.get_by_role("option", name=re.compile("^many.000000, ")).wait_for()
    for place in (50_000, 99_999):
        keys.evaluate("(node, top) => { node.scrollTop = top; }", place * 28)
        page.get_by_role("option", name=re.compile(f"^many.{place:06}, ")).wait_for()
        assert page.locator(f"{HERE} [role=option]").count() < 60
    page.get_by_role("option", name=re.compile("^many.099999, ")).click()
    page.locator(".pfs-panel").get_by_text("99999").first.wait_for()
    page.get_by_role("searchbox", name="Keys that contain").fill("77777")
    page.locator(HERE).get_by_text("1 key", exact=True).wait_for()
    page.get_by_role("searchbox", name="Keys that contain").fill("")
    page.locator(HERE).get_by_text("105,002 keys").wait_for()
    keep_picture(page.locator(HERE), f"store-many-{scheme}-700")
    assert violations(page, HERE) == []
    assert page.locator(HERE).evaluate("node => node.scrollWidth - node.clientWidth") <= 0
    assert page.errors == []


def test_no_page_asked_another_host(server):
    assert server.asked == set()
