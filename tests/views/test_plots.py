"""The memory chart: what it shows, where it says so, and that it draws for every shape of run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from IPython.core.formatters import DisplayFormatter
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.text import Text

import pforge_lab as pf
from pforge_lab.runs.advice import advise, predict
from pforge_lab.views.palette import PEAK, VARIABLES
from pforge_lab.views.plots import Panel, plot_both, plot_memory
from pforge_lab.views.stack import stack

MB = 10**6
LABELS = ["load", "clean", "features", "split", "fit", "score", "report"]


@pytest.fixture
def memory():
    """Seven steps of a real pipeline."""
    after = [565, 580, 797, 797, 797, 784, 780]
    return pd.DataFrame(
        {
            "index": range(1, 8),
            "label": LABELS,
            "before": np.array([134, *after[:-1]]) * MB,
            "peak": np.array([568, 748, 893, 798, 970, 798, 840]) * MB,
            "after": np.array(after) * MB,
            "method": "VmHWM",
            "exact": True,
        }
    )


@pytest.fixture
def sizes():
    """Variables of the seven steps, each kept from its step on."""
    born = {"raw": (1, 167), "tidy": (2, 167), "X": (3, 192), "pred": (6, 24)}
    return pd.DataFrame(
        [
            (index, LABELS[index - 1], name, size * MB, size * MB, False)
            for index in range(1, 8)
            for name, (start, size) in born.items()
            if index >= start
        ],
        columns=["index", "label", "variable", "bytes", "reach", "approx"],
    )


def made_up(steps, variables):
    """Return frames of a run of any length, variables appearing one after the other."""
    random = np.random.default_rng(steps * 1000 + variables)
    held = random.gamma(1.2, 40, variables) + 0.1
    there = [max(1, round((index + 1) / steps * variables)) for index in range(steps)]
    after = [120 + held[:count].sum() + random.random() * 40 for count in there]
    memory = pd.DataFrame(
        {
            "index": range(1, steps + 1),
            "label": [f"step_number_{index}" for index in range(1, steps + 1)],
            "before": np.array([120, *after[:-1]]) * MB,
            "after": np.array(after) * MB,
            "peak": (np.maximum([120, *after[:-1]], after) + random.gamma(1, 60, steps)) * MB,
            "exact": True,
        }
    )
    rows = [
        (index + 1, f"var_{place}", held[place] * MB, False)
        for index in range(steps)
        for place in range(there[index])
    ]
    return memory, pd.DataFrame(rows, columns=["index", "variable", "bytes", "approx"])


def title(axes):
    return axes.get_title(loc="left").replace("\n", " ")


def texts(axes):
    return [text.get_text() for text in axes.texts]


def test_the_title_says_where_the_peak_is_and_what_it_is_made_of(memory, sizes):
    expected = "fit peaks at 970 MB: 526 MB in variables, 137 MB freed or in no variable, 173 MB only within the step"
    assert title(plot_memory(memory, sizes)) == expected


def test_the_title_names_variables_that_are_dead_weight(memory, sizes):
    axes = plot_memory(memory, sizes, dead={index: {"raw"} for index in range(3, 8)})
    assert title(axes) == "fit peaks at 970 MB, 167 MB of it in raw, which no later step reads"
    assert any(patch.get_hatch() for patch in axes.patches)


def test_a_given_title_is_used(memory, sizes):
    assert title(plot_memory(memory, sizes, title="before the change")) == "before the change"


def test_a_peak_that_is_not_certain_is_a_lower_bound(memory, sizes):
    memory.loc[4, "exact"] = False
    axes = plot_memory(memory, sizes)
    assert "peaks at 970 MB or more" in title(axes)
    assert "peak ≥ 970 MB" in texts(axes)


def test_the_layers_sum_to_the_peak(memory, sizes):
    layers = stack(memory, sizes)
    assert layers.baseline == pytest.approx([134] * 7)
    assert layers.after == pytest.approx(memory["after"] / MB)
    bars = plot_memory(memory, sizes).containers
    assert sum(bar.get_height() for container in bars for bar in container) == pytest.approx(
        memory["peak"].sum() / MB
    )


def test_the_axis_starts_at_zero_and_the_figure_is_transparent(memory, sizes):
    axes = plot_memory(memory, sizes)
    assert axes.get_ylim()[0] == 0
    assert axes.get_figure().get_facecolor()[3] == 0
    assert axes.get_facecolor()[3] == 0
    assert not axes.spines["top"].get_visible()
    assert not axes.spines["right"].get_visible()


def test_one_arrow_points_at_the_highest_peak(memory, sizes):
    axes = plot_memory(memory, sizes)
    heads = [
        text
        for text in axes.texts
        if getattr(text, "arrowprops", None) and text.get_text().startswith("peak")
    ]
    assert [(text.xy, text.get_text()) for text in heads] == [((4, 970.0), "peak 970 MB")]


def test_vermilion_is_for_peaks_only(memory, sizes):
    axes = plot_memory(memory, sizes)
    solid = [patch.get_facecolor() for patch in axes.patches if patch.get_facecolor()[3] == 1]
    assert to_rgba(PEAK) not in solid
    assert PEAK not in VARIABLES


def test_every_variable_is_named_once_with_its_size(memory, sizes):
    shown = [text.replace("\n", " ") for text in texts(plot_memory(memory, sizes))]
    for name in ("Python 134", "raw 167", "tidy 167", "X 192", "pred 24"):
        assert shown.count(name) == 1


def test_a_sampled_size_is_marked(memory, sizes):
    sizes["approx"] = sizes["variable"] == "raw"
    assert "raw\n≈167" in texts(plot_memory(memory, sizes))


def test_variables_beyond_the_colours_are_one_layer():
    memory, sizes = made_up(7, 40)
    layers = stack(memory, sizes)
    assert len(layers.variables) == len(VARIABLES)
    assert "35 other variables" in layers.variables
    assert layers.held[-1] == pytest.approx(sizes.loc[sizes["index"] == 7, "bytes"].sum() / MB)


def test_a_limit_that_is_near_is_a_line(memory, sizes):
    axes = plot_memory(memory, sizes, limit=1100 * MB)
    assert "limit 1,100 MB" in texts(axes)
    assert axes.get_ylim()[1] > 1100
    keep(axes.get_figure(), "memory-limit")


def test_a_limit_that_is_far_does_not_flatten_the_chart(memory, sizes):
    axes = plot_memory(memory, sizes, limit=64_000 * MB)
    assert "limit 64,000 MB, above the chart" in [text.get_text() for text in axes.get_legend().get_texts()]
    assert axes.get_ylim()[1] < 1500


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


CHARTS = Path(__file__).parents[2] / "artifacts" / "charts"  # not in the repository


def keep(figure, name):
    """Keep a picture on a light and on a dark page, to be looked at."""
    CHARTS.mkdir(parents=True, exist_ok=True)
    for page in ("white", "#111111"):
        file = CHARTS / f"{name}-{'light' if page == 'white' else 'dark'}.png"
        figure.savefig(file, facecolor=page)
        assert file.stat().st_size > 5_000


@pytest.mark.parametrize("variables", [1, 40])
@pytest.mark.parametrize("steps", [1, 7, 60, 300])
def test_every_shape_of_run_is_drawn(steps, variables):
    figure = plot_memory(*made_up(steps, variables)).get_figure()
    keep(figure, f"memory-{steps}-steps-{variables}-variables")


def test_a_run_without_steps_has_an_empty_chart(memory, sizes):
    axes = plot_memory(memory.iloc[:0], sizes.iloc[:0])
    assert title(axes) == "No step has been measured yet"


def test_steps_without_a_measurement_are_left_out(memory, sizes):
    memory = memory.astype(object)
    memory.loc[2, ["before", "peak", "after", "exact"]] = None
    assert stack(memory, sizes).labels == [label for label in LABELS if label != "features"]


def test_variables_larger_than_what_is_resident_do_not_make_negative_layers(memory, sizes):
    """A memory-mapped file counts in full although little of it is resident."""
    sizes["bytes"] *= 10
    layers = stack(memory, sizes)
    assert (layers.baseline >= 0).all()
    assert (layers.rest >= 0).all()
    plot_memory(memory, sizes).get_figure().draw_without_rendering()


def test_names_are_text_and_not_formulas(memory, sizes):
    memory["label"] = memory["label"] + "_$x^"
    sizes["variable"] = sizes["variable"] + "$"
    plot_memory(memory, sizes).get_figure().draw_without_rendering()


def test_given_axes_are_drawn_on_and_returned(memory, sizes):
    axes = Figure().subplots()
    assert plot_memory(memory, sizes, ax=axes) is axes


def test_a_notebook_shows_the_axes_as_a_picture(memory, sizes):
    axes = plot_memory(memory, sizes)
    data, metadata = DisplayFormatter().format(axes)
    assert isinstance(axes, Axes)
    assert data["image/png"].startswith(b"\x89PNG")
    assert "fit peaks at 970 MB" in data["text/plain"]
    assert metadata["image/png"]["width"] > metadata["image/png"]["height"]


def test_pyplot_is_never_touched(memory, sizes, tmp_path):
    """Its state is global, and callbacks of widgets run in other threads."""
    memory.to_pickle(tmp_path / "memory")
    sizes.to_pickle(tmp_path / "sizes")
    code = """
import sys, pandas as pd
from pforge_lab.views.plots import plot_memory
axes = plot_memory(pd.read_pickle(sys.argv[1] + "/memory"), pd.read_pickle(sys.argv[1] + "/sizes"))
axes._repr_mimebundle_()
print("matplotlib.pyplot" in sys.modules)
"""
    command = [sys.executable, "-c", code, str(tmp_path)]
    assert subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip() == "False"
