"""Two memory charts beside each other: a run and its advice, a run and another one."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.text import Text

import pforge_lab as pf
from pforge_lab.runs.advice import advise, predict
from pforge_lab.views.palette import VARIABLES
from pforge_lab.views.plots import Panel, plot_both, plot_memory
from tests.charts import LABELS, MB, keep, made_up, texts, title


def test_two_runs_side_by_side_share_their_scale(memory, sizes):
    left, right = Figure().subplots(1, 2, sharey=True)
    plot_memory(memory, sizes, ax=left)
    plot_memory(memory.head(1), sizes[sizes["index"] == 1], ax=right)
    assert left.get_ylim() == right.get_ylim()
    assert left.get_ylim()[1] > 970


def both(memory, sizes, dead):
    then = predict(advise(dead, memory, sizes, settled=True), dead, memory, sizes)
    now, told = Panel(memory, sizes, "as it was", dead), Panel(then.memory, then.sizes, then.done, dead)
    return plot_both(now, told, then.finding, mark="peak as it was").get_figure()


def test_advice_is_drawn_beside_the_run(memory, sizes):
    figure = both(memory, sizes, {index: {"raw"} for index in range(2, 8)})
    first, second = figure.axes
    assert (
        figure.get_suptitle()
        == "Dropping raw after step 2 and returning freed memory takes the peak from 970 to 803 MB"
    )
    assert title(second) == "raw dropped after step 2, freed memory returned"
    assert "peak 970 MB" in texts(first)
    assert {"970  peak as it was", "peak 803 MB"} <= set(texts(second))
    assert first.get_ylim() == second.get_ylim()
    assert first.get_legend() is None
    assert len(figure.legends) == 1


def test_no_word_of_a_label_is_broken(memory, sizes):
    """Where a step is too narrow for its words, the labels stand aslant and whole."""
    long = memory.assign(label=[f"{label}_of_everything" for label in LABELS])
    axes = plot_both(Panel(long, sizes, "a"), Panel(long, sizes, "b"))
    names = [tick.get_text() for tick in axes.get_xticklabels()]
    assert names[0] == "1 load_of_everything"
    assert {tick.get_rotation() for tick in axes.get_xticklabels()} == {40}


def test_the_name_of_a_peak_keeps_out_of_the_line_above_it(memory, sizes):
    """A run whose peak is a little lower than the other's names it above the other's line."""
    lower = memory.assign(peak=memory["peak"] - 20 * MB)
    axes = plot_both(Panel(memory, sizes, "a"), Panel(lower, sizes, "b"))
    second = axes.figure.axes[1]
    axes.figure.draw_without_rendering()
    # of the words alone: an annotation's own extent reaches down to the tip of its arrow
    texts = {text.get_text(): Text.get_window_extent(text) for text in second.texts}
    peak = next(box for text, box in texts.items() if text.startswith("peak"))
    line = second.transData.transform((0, 970))[1]
    assert peak.y0 > line
    assert not peak.overlaps(next(box for text, box in texts.items() if "peak of a" in text))


def test_variables_have_the_same_colours_in_both_charts(memory, sizes):
    """Also those that come first in one and are not in the other."""
    figure = plot_both(
        Panel(memory, sizes, "a"), Panel(memory, sizes[sizes["variable"] != "raw"], "b")
    ).get_figure()
    first, second = ({to_rgba(bar.get_facecolor()) for bar in axes.patches} for axes in figure.axes)
    assert first - second == {to_rgba(VARIABLES[0])}


def test_the_title_of_two_runs_says_which_peaks_higher(memory, sizes):
    less = memory.assign(peak=memory["peak"] * 0.7, after=memory["after"] * 0.7)
    figure = plot_both(Panel(memory, sizes, "monday"), Panel(less, sizes, "tuesday")).get_figure()
    assert figure.get_suptitle() == "tuesday peaks 291 MB lower than monday: 679 MB against 970 MB"
    keep(figure, "two-runs")
    figure = plot_both(Panel(memory, sizes, "monday"), Panel(memory, sizes, "tuesday")).get_figure()
    assert figure.get_suptitle() == "monday and tuesday both peak at 970 MB"
    nothing = Panel(memory.iloc[:0], sizes.iloc[:0], "sunday")
    assert (
        "not both have been measured"
        in plot_both(nothing, Panel(memory, sizes, "a")).get_figure().get_suptitle()
    )


@pytest.mark.parametrize("steps", [7, 60, 300])
def test_advice_is_drawn_for_every_length(steps):
    """One chart above the other when there are many steps."""
    memory, sizes = made_up(steps, 12)
    sizes = sizes.assign(reach=sizes["bytes"])
    dead = {
        place: {f"var_{number}" for number in range(6) if place > steps * (number + 3) / 12}
        for place in range(1, steps + 1)
    }
    figure = both(memory, sizes, dead)
    first, second = (axes.get_subplotspec().get_topmost_subplotspec().rowspan.start for axes in figure.axes)
    assert (first, second) == ((0, 0) if steps == 7 else (0, 1))
    keep(figure, f"advice-{steps}-steps")


def test_a_run_draws_its_advice_and_another_run():
    """As a user asks for it."""

    def first(n: int):
        return np.ones(n)

    def second(first):
        return float(first.sum())

    def third(second, n: int):
        return float(np.ones(n).sum() + second)

    pipeline = pf.Pipeline.from_functions("waste", first, second, third)
    run = pipeline.start({"n": 4_000_000}, state="memory:plots-waste")
    run.finish()
    other = pipeline.start({"n": 1_000_000}, state="memory:plots-waste")
    other.finish()
    figure = run.plot_memory().get_figure()
    assert len(figure.axes) == 2
    assert "Dropping first after step 2 and returning freed memory" in figure.get_suptitle()
    assert run.id in run.plot_memory(beside=other).get_figure().get_suptitle()
    alone = Figure().subplots()
    assert run.plot_memory(ax=alone) is alone
    assert len(alone.get_figure().axes) == 1
