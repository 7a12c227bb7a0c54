"""Tables of memory to draw, and what a chart says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

MB = 10**6
LABELS = ["load", "clean", "features", "split", "fit", "score", "report"]
CHARTS = Path(__file__).parents[1] / "artifacts" / "charts"  # not in the repository


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


def keep(figure, name):
    """Keep a picture on a light and on a dark page, to be looked at."""
    CHARTS.mkdir(parents=True, exist_ok=True)
    for page in ("white", "#111111"):
        file = CHARTS / f"{name}-{'light' if page == 'white' else 'dark'}.png"
        figure.savefig(file, facecolor=page)
        assert file.stat().st_size > 5_000
