"""``pforge-lab``: click commands that return objects, shared by the shell and ``%pforge``."""

from pforge_lab.cli.main import cli, main

__all__ = ["cli", "main"]
