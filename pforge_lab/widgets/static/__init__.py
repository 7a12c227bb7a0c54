"""Scripts and styles of the widgets: no build step, no request to any other host."""

from __future__ import annotations

from importlib.resources import files

from pforge_lab.views.html_blocks import stylesheet

_FILES = files("pforge_lab.widgets").joinpath("static")


def script(name: str) -> str:
    """Return the module of one widget, with what all of them share in front."""
    return "".join(_FILES.joinpath(part).read_text(encoding="utf-8") for part in ("common.js", name))


def style() -> str:
    """Return the style of all widgets, in the theme that is chosen."""
    return stylesheet() + _FILES.joinpath("stepper.css").read_text(encoding="utf-8")
