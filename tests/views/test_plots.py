"""The memory chart: what it shows, where it says so, and that it draws for every shape of run."""

from __future__ import annotations

import subprocess
import sys

import pytest
from IPython.core.formatters import DisplayFormatter
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from pforge_lab.views.palette import PEAK, VARIABLES
from pforge_lab.views.plots import plot_memory
from pforge_lab.views.stack import stack
from tests.charts import LABELS, MB, keep, made_up, texts, title


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
