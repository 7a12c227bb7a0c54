"""Groups of commands."""

from __future__ import annotations

import click

from pforge_lab.errors import near_misses

_WHOLE = 1000  # characters: no summary is as long


class Grammar(click.Group):
    """A group that answers an unknown command with what it may have meant, and cuts no command's summary."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what each command does, in a sentence."""
        found = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        rows = [(name, command.get_short_help_str(_WHOLE)) for name, command in found if command is not None]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command, or say which commands are near."""
        if args and self.get_command(ctx, args[0]) is None:
            near = near_misses(args[0], self.list_commands(ctx))
            raise click.UsageError(f"no command {args[0]!r}{near if near.endswith('?') else ''}", ctx)
        return super().resolve_command(ctx, args)
