"""The stores that runs live in: which one, and how it is opened to look at and to go on."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pforge_lab.errors import StateLocked
from pforge_lab.runs import places
from pforge_lab.state import StateManager, open_configured, open_state

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pforge_lab.pipeline.spec import Pipeline

    Place = StateManager | str | os.PathLike[str]


def url_of(place: Place) -> str:
    """Return the URL of a store, or of the file at a path."""
    return place.url if isinstance(place, StateManager) else os.fspath(place)


@contextmanager
def looking(place: Place) -> Iterator[StateManager]:
    """Have a store open to look at, which takes no lock."""
    if isinstance(place, StateManager):
        yield place
        return
    in_memory = str(place).startswith("memory:")  # of this process alone: nothing to keep out of the way of
    with open_state(place, mode="w" if in_memory else "r") as store:
        yield store


def store_of(state: Place | None, pipeline: Pipeline | None = None) -> StateManager:
    """Return the store to start runs in: the one named, the pipeline's own, or the default one."""
    if state is not None:
        return state if isinstance(state, StateManager) else open_state(state)
    section = None if pipeline is None else pipeline.state
    if pipeline is None or section is None:
        return places.default_state()
    settings = section.model_dump(exclude={"options"}, exclude_none=True)
    return open_configured(folder=pipeline.base_dir, **settings)


def reopened(url: str) -> StateManager:
    """Return the store of a URL, open for reading only while another process has it."""
    try:
        return open_state(url)
    except StateLocked:
        return open_state(url, mode="r")
