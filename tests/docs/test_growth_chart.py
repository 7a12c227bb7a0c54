"""The chart of growth in the documentation shows what was measured."""

from __future__ import annotations

from tests.benchmarks.growth import draw


def test_every_curve_is_drawn_in_a_place_of_its_own(tmp_path):
    curves = {"Steps": ("ms", {1: 2.0, 10: 3.0}), "Keys": ("µs", {1: 5.0, 10: 4.0})}
    drawn = draw(curves, tmp_path / "growth.svg")
    shown = [(axes.get_title(loc="left"), axes.lines[0].get_ydata()) for axes in drawn.axes if axes.axison]
    assert [(title, list(values)) for title, values in shown] == [("Steps", [2.0, 3.0]), ("Keys", [5.0, 4.0])]
    assert (tmp_path / "growth.svg").stat().st_size
