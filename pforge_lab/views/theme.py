"""Light, dark, or as the page has it."""

from __future__ import annotations

from typing import Literal

from pforge_lab.errors import WrongValue, near_misses

Theme = Literal["auto", "light", "dark"]
THEMES: tuple[Theme, ...] = ("auto", "light", "dark")

_NAMES = ("fg", "bg", "accent", "track", "good", "warn", "bad")
_COLOURS = {
    "light": ("#1f1f1f", "#fff", "#1976d2", "#e6e6e6", "#2e7d32", "#b45309", "#c62828"),
    "dark": ("#e6e6e6", "#111", "#2196f3", "#424242", "#66bb6a", "#ffa726", "#ef5350"),
}
_chosen: Theme = "auto"


def use_theme(theme: Theme) -> None:
    """Draw HTML views and widgets that are made from now on in a theme, whatever the page's is.

    Raises
    ------
    WrongValue
        It is none of ``auto light dark``.
    """
    global _chosen  # noqa: PLW0603 - one choice for a process, as of a style of plots
    if theme not in THEMES:
        raise WrongValue(f"there is no theme {theme!r}{near_misses(str(theme), THEMES)}")
    _chosen = theme


def theme_rules() -> str:
    """Return the rules that fix the colours of the chosen theme; none for ``auto``.

    Examples
    --------
    >>> use_theme("dark")
    >>> theme_rules()[:42]
    '.pforge-view.pforge-view { --pf-fg: #e6e6e'
    >>> use_theme("auto")
    >>> theme_rules()
    ''
    """
    if _chosen == "auto":
        return ""
    values = "; ".join(f"--pf-{name}: {value}" for name, value in zip(_NAMES, _COLOURS[_chosen], strict=True))
    return f".pforge-view.pforge-view {{ {values}; color-scheme: {_chosen}; }}\n"
