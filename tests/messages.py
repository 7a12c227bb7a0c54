"""Messages of errors, as a stranger reads them."""

from __future__ import annotations

import pforge_lab as pf


def one_line(caught) -> str:
    """Return the message, which is one line that a stranger can read."""
    message = str(caught.value)
    assert "\n" not in message
    assert message
    assert "0x" not in message
    assert isinstance(caught.value, pf.PforgeError)
    return message
