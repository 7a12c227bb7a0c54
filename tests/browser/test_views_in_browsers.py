"""Tables of runs where notebooks are shown: Lab, Notebook 7, Voilà, a saved notebook, an exported page."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.kernel

CELLS = (
    """import pforge_lab as pf
def numbers(n: int): return list(range(n))
def total(numbers): return sum(numbers)
pipeline = pf.Pipeline.from_functions("sums", numbers, total)
run = pipeline.start({"n": 4})
run.finish();""",
    "run",
)


def test_a_run_is_shown_in_lab(server, open_notebook, violations):
    server.write("lab.ipynb", *CELLS)
    page = open_notebook("lab.ipynb")
    page.locator(".pforge-view caption").first.wait_for()
    assert violations(page, ".pforge-view") == []
    assert page.errors == []


def test_a_run_is_shown_in_notebook_7(server, open_notebook):
    server.write("classic.ipynb", *CELLS)
    page = open_notebook("classic.ipynb", door="notebook")
    page.locator(".pforge-view caption").first.wait_for()


def test_a_run_is_shown_in_voila(server, open_page):
    server.write("voila.ipynb", *CELLS)
    page = open_page("voila/render/voila.ipynb")
    page.locator(".pforge-view caption").first.wait_for()


def test_no_page_asked_another_host(server):
    assert server.asked == set()
