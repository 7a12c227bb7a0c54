"""A finished run with two lines and an attempt that failed, to be made a file of."""

from __future__ import annotations

from contextlib import contextmanager
from itertools import count

import numpy as np
import pandas as pd
import pytest

import pforge_lab as pf

_numbers = count()


def elsewhere():
    """Return an empty store that no other test uses."""
    return pf.open_state(f"memory:two-lines-{next(_numbers)}")


def frame(n: int):
    return pd.DataFrame({"a": np.random.default_rng(n).random(60_000), "s": ["x", "y", "z"] * 20_000})


def spoil(frame):
    frame.loc[100:110, "a"] = 0.0
    return "spoilt"


def total(frame, spoil):
    print("adding up")
    return float(frame.a.sum())


@contextmanager
def two_lines(place):
    """Make the run in a store that is open in the block; yield a finished run with two lines and an attempt that failed."""
    broken = [True]

    def flaky(total):
        if broken:
            broken.pop()
            raise ValueError("not yet")
        return total

    with pf.open_state(place) as state:
        run = pf.Pipeline.from_functions("p", frame, spoil, total, flaky).start({"n": 1}, state=state)
        with pytest.raises(pf.StepError):
            run.finish()
        run.finish()
        run.goto("spoil")
        run.set(extra={"k": [1, 2]})
        yield run
