"""``pforge-lab advise``: sentences in a shell, a table in a notebook."""

from __future__ import annotations

import sys

import pytest

TOOLS = """
import numpy as np

def first(n):
    return np.ones(n)

def second(first):
    return float(first.sum())

def third(second, n):
    return float(np.ones(n).sum() + second)
"""

PIPELINE = """
name: waste
params: { n: { type: integer } }
tools:
  - { type: native, name: first, handler: { path: "wasting:first" } }
  - { type: native, name: second, handler: { path: "wasting:second" } }
  - { type: native, name: third, handler: { path: "wasting:third" } }
steps:
  - { tool: first, input: { n: "{{ n }}" }, output_var: first }
  - { tool: second, input: { first: "{{ first }}" }, output_var: second }
  - { tool: third, input: { second: "{{ second }}", n: "{{ n }}" }, output_var: third }
"""


@pytest.fixture
def waste(folder, pforge):
    """Run a pipeline that keeps 80 MB which no later step reads."""
    (folder / "wasting.py").write_text(TOOLS, encoding="utf-8")
    (folder / "waste.yaml").write_text(PIPELINE, encoding="utf-8")
    assert pforge("run", "waste.yaml", "-p", "n=10000000").code == 0
    return pforge


@pytest.mark.skipif(sys.platform != "linux", reason="needs exact peaks")
def test_advice_is_a_sentence_per_drop(waste):
    said = waste("advise").out
    assert said.startswith(
        "first is dead after step 2 (second); dropping it and returning freed memory lowers the peak of "
    )
    assert said.endswith("by up to 80 MB\n")


def test_where_there_is_nothing_to_drop_it_says_so(folder, pforge):
    pforge("run", "sums.yaml")
    assert pforge("advise").out == "no dead variable raises the peak: there is nothing to drop\n"
