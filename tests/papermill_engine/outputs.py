"""Outputs of cells, as they are compared."""

from __future__ import annotations

import nbformat


def joined(outputs):
    """Return outputs with neighbouring pieces of a stream as one: how they are cut is up to the clock."""
    together = []
    for output in map(nbformat.from_dict, map(dict, outputs)):
        if together and "text" in output and together[-1].get("name") == output["name"]:
            together[-1]["text"] += output["text"]
        else:
            together.append(output)
    return together
