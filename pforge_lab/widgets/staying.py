"""What stays of a widget where there is no kernel, and whether there is a page that could show more."""

from __future__ import annotations

import os
from typing import Any

import anywidget


def page() -> bool | None:
    """Return whether a page waits for what the kernel shows; None where there is no kernel.

    JupyterLab, Notebook 7 and VS Code say which cell they execute; nbclient, papermill and
    ``nbconvert --execute`` say nothing. Voilà executes as they do, and has a page all the same.
    """
    from IPython.core.getipython import get_ipython  # noqa: PLC0415 - only where something is shown

    kernel = getattr(get_ipython(), "kernel", None)
    if kernel is None:
        return None
    request = kernel.get_parent("shell") or {}
    executes = request.get("header", {}).get("msg_type") == "execute_request"
    voila = os.environ.get("SERVER_SOFTWARE", "").startswith("voila/")
    return voila or not executes or bool(request.get("metadata"))


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

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """Return the widget, and what stays of it."""
        html, text = self.forms()
        forms = {"text/html": html, "text/plain": text}
        if self.comm is None:
            return forms, {}
        made = super()._repr_mimebundle_(**options)
        data, metadata = made if isinstance(made, tuple) else (made or {}, {})  # type: ignore[redundant-expr]
        return {**(data or {}), **forms}, metadata
