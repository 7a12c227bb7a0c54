"""Messages to a stepper as a page sends them, awaited."""

from __future__ import annotations

PATIENCE = 30  # seconds


def press(stepper, **message):
    """Send a message that moves the run, and return once what it did is shown."""
    stepper._received(stepper, message, [])
    settle(stepper)


def settle(stepper):
    """Return once the stepper's thread is through with what it was told to do."""
    stepper._moves.submit(lambda: None).result(PATIENCE)
