"""What stays of a widget where there is no kernel, and whether there is a page that could show more."""

from __future__ import annotations

import os
from typing import Any

import anywidget

VIEW = "application/vnd.jupyter.widget-view+json"
STILL = "pforge-still"
_ONE_OF_BOTH = (
    f".jp-OutputArea-child:has(.pfs) + .jp-OutputArea-child:has(.{STILL}),"
    f".jp-OutputArea-child:not(:has(.pfs)):has(+ .jp-OutputArea-child .{STILL}) {{ display: none !important; }}"
)


def page() -> bool | None:
    """Return whether a page waits for what the kernel shows; None where there is no kernel.

    JupyterLab, Notebook 7 and VS Code say which cell they execute; nbclient, papermill and
    ``nbconvert --execute`` say nothing. Voilà executes as they do, and has a page all the same.
    """
    told = _request()
    if told is None:
        return None
    executes = told.get("header", {}).get("msg_type") == "execute_request"
    voila = os.environ.get("SERVER_SOFTWARE", "").startswith("voila/")
    return voila or not executes or bool(told.get("metadata"))


def in_lab() -> bool:
    """Return whether JupyterLab or Notebook 7 executes the cell."""
    return "deletedCells" in ((_request() or {}).get("metadata") or {})


def _request() -> dict[str, Any] | None:
    """Return the message that the kernel answers, an empty one before the first; None where there is no kernel."""
    from IPython.core.getipython import get_ipython  # noqa: PLC0415 - only where something is shown

    kernel = getattr(get_ipython(), "kernel", None)
    return None if kernel is None else kernel.get_parent("shell") or {}


class Staying(anywidget.AnyWidget):  # type: ignore[misc, unused-ignore]  # anywidget is untyped here
    """A widget with forms that stay; where a notebook is executed without a page they are all there is of it.

    Exports of such a notebook would else show the widget, which needs a kernel and another host's scripts.
    """

    def open(self) -> None:
        """Have a counterpart in the page, if there is a page."""
        if page() is not False:
            super().open()

    def forms(self) -> tuple[str, str]:
        """Return what is shown as HTML and as text, for where there is no kernel any more."""
        raise NotImplementedError

    def _ipython_display_(self) -> None:
        """Show the widget and its forms as two outputs, of which the page hides one.

        JupyterLab shows no form of an output whose widget is gone with its kernel, but an error.
        """
        if self.comm is None or not in_lab():
            raise NotImplementedError  # IPython asks for `_repr_mimebundle_` then
        from IPython.display import display  # noqa: PLC0415 - only where something is shown

        html, text = self.forms()
        shown = {VIEW: {"version_major": 2, "version_minor": 0, "model_id": self.model_id}, "text/plain": ""}
        display(shown, raw=True)  # type: ignore[no-untyped-call]
        still = f'<div class="{STILL}"><style>{_ONE_OF_BOTH}</style>{html}</div>'
        display({"text/html": still, "text/plain": text}, raw=True)  # type: ignore[no-untyped-call]

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """Return the widget, and what stays of it."""
        html, text = self.forms()
        forms = {"text/html": html, "text/plain": text}
        if self.comm is None:
            return forms, {}
        made = super()._repr_mimebundle_(**options)
        data, metadata = made if isinstance(made, tuple) else (made or {}, {})  # type: ignore[redundant-expr]
        return {**(data or {}), **forms}, metadata
