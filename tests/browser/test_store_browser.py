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


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_keys_are_searched_looked_at_deleted_and_put_back(
    scheme, server, open_notebook, keep_picture, violations
):
    """By hand and by keys; axe-core finds nothing wrong; a list of thousands is drawn as far as it shows."""
    server.write(f"store-{scheme}.ipynb", STORE, "state.ui()")
    page = open_notebook(f"store-{scheme}.ipynb", scheme=scheme)
    if scheme == "dark":
        page.evaluate(
            "() => window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})"
        )
        page.locator("body[data-jp-theme-light=false]").wait_for(state="attached")
    page.get_by_text("5,002 keys").wait_for()
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
    page.get_by_text("Largest values").wait_for()


def test_no_page_asked_another_host(server):
    assert server.asked == set()
