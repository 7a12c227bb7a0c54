"""What an error tells to do next, in the words of the door at which it is shown."""

from __future__ import annotations

import re

import click

from pforge_lab.errors import PforgeError, StepError

_GLOBAL = ("--state", "--run")
#: Calls that messages name, and the command that does the same.
_COMMANDS = (
    (re.compile(r"\brun\.step\(memory='(\w+)'\)"), r"step --memory \1"),
    (re.compile(r"\brun\.(back|finish|step|fork)\(\)"), r"\1"),
    (re.compile(r"\brun\.back\(n\)"), "back N"),
    (re.compile(r"\brun\.goto\((\d+)\)"), r"goto \1"),
    (re.compile(r"\brun\.(goto|step)\b(?!\()"), r"\1"),
    (re.compile(r"\brun\.set\((\w+)=\.\.\.\)"), r"set \1=…"),
    (re.compile(r"\brun\.fork_changed\(\)"), "fork --changed"),
    (re.compile(r"\bpf\.open_run\('([^']*)'\)"), r"attach \1"),
)


def as_commands(text: str, door: str) -> str:
    """Return ``text`` with the calls of the Python interface it names as commands.

    Parameters
    ----------
    door
        What a command begins with: ``%pforge`` or ``pforge-lab``.

    Examples
    --------
    >>> as_commands("run r1 is done; go back with run.back(), or start another run", "%pforge")
    'run r1 is done; go back with %pforge back, or start another run'
    """
    for call, command in _COMMANDS:
        text = call.sub(f"{door} {command}", text)
    return text


def told(error: PforgeError, door: str) -> str:
    """Return the message of ``error`` as it is shown at a door; what a tool said is left as it is."""
    return str(error) if isinstance(error, StepError) else as_commands(str(error), door)


def usage(error: click.ClickException, name: str) -> str:
    """Return an error of the command line of that name as one line that ends with where to read more."""
    context = getattr(error, "ctx", None)
    if isinstance(error, click.NoSuchOption) and error.option_name in _GLOBAL and context is not None:
        door, _, command = context.command_path.partition(" ")
        return f"{error.option_name} stands before the command: {door} {error.option_name} … {command}"
    said = " ".join(error.format_message().split()).rstrip(".")
    return f"{said}{' See' if said.endswith('?') else '; see'} {context.command_path if context else name} --help"
