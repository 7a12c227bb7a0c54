"""Runs, records and variables to look at."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from pforge_lab.meter import Reading
from pforge_lab.runs.glances import RunSummary, RunView, StepPlan, VariableRow
from pforge_lab.runs.records import LogLine, StepRecord, VariableSize
from tests.charts import LABELS
from tests.markup import Reader, words

STARTED = datetime(2026, 3, 1, 9, 30, 5, tzinfo=UTC)
MB = 1_000_000
PLAN = ("load", "clean", "features", "split", "train", "evaluate", "report")


@pytest.fixture(scope="session")
def read_html():
    return Reader


@pytest.fixture(scope="session")
def words_of():
    return words


@dataclass(frozen=True)
class Samples:
    """The runs, records and variables the tests of views look at."""

    plan: tuple = field(
        default_factory=lambda: tuple(
            StepPlan(place, label, f"tools.{label}", label, None) for place, label in enumerate(PLAN, start=1)
        )
    )

    @staticmethod
    def record(index, label="load", **facts):
        """Return a record of a step that is done, but for the facts given."""
        memory = Reading(80 * MB, (100 + index) * MB, 90 * MB, "VmHWM", exact=True)
        start = STARTED + timedelta(seconds=index)
        given = {"memory": memory, "seconds": 0.42, "status": "done", "tool": f"tools.{label}", "step": index}
        return StepRecord(index=index, label=label, started=start, **given | facts)

    @property
    def summary(self):
        """Return a run of seven steps, paused after five."""
        params = {"source": "day.csv", "by": "carrier"}
        return RunSummary(
            "r1", "daily", "paused", 5, 5, 7, STARTED, STARTED + timedelta(minutes=2), 10.11, 344 * MB,
            "sqlite:lab.db", params,
        )  # fmt: skip

    @property
    def records(self):
        """Return a record of every kind."""
        return (
            self.record(1, "load", changed=("flights",), logs=(LogLine("stdout", "read 336,776 rows"),)),
            self.record(2, "clean", changed=("flights",), attempts=3),
            self.record(3, "features", status="skipped", seconds=0.00007),
            self.record(
                4,
                "split",
                status="failed",
                error="ValueError: too few rows",
                not_kept={"model": "has a lock"},
            ),
            self.record(5, "train", seconds=7.51, changed=("model",), children=(self.record(1, "fit"),)),
        )

    @property
    def variables(self):
        """Return a variable of every kind of change."""
        size = VariableSize(41_200_000, 41_200_000)
        return (
            VariableRow("flights", "DataFrame", "336776 x 19", size, "changed", "year, month, day"),
            VariableRow(
                "part", "ndarray int8", "120", VariableSize(100, 189 * MB, approx=True), "new", "1, 0"
            ),
            VariableRow("raw", "list", "", None, "deleted", ""),
            VariableRow("model", "Model", "", None, "not kept", "has a lock"),
            VariableRow("limit", "int", "", VariableSize(28, 28), "same", "15"),
        )

    @property
    def run(self):
        """Return the paused run."""
        return RunView(self.summary, self.plan, self.records, self.variables, None, ("clean",))

    @property
    def failed(self):
        """Return the same run after its sixth step has failed."""
        error = "KeyError: 'carrier'"
        traceback = f"Traceback (most recent call last):\n  File 'day.py', line 3, in evaluate\n{error}\n"
        attempt = self.record(6, "evaluate", status="failed", error=error, traceback=traceback)
        return replace(self.run, summary=replace(self.summary, status="failed", error=error), attempt=attempt)

    def long(self, total, position):
        """Return a run of many steps, at a position among them."""
        records = tuple(self.record(place, f"poll#{place}") for place in range(1, total + 1))
        return RunView(replace(self.summary, position=position), (), records)


@pytest.fixture(scope="session")
def samples():
    return Samples()


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
