"""Groups of commands."""

from __future__ import annotations

import click

from pforge_lab.errors import near_misses


class Grammar(click.Group):
    """A group that answers an unknown command with what it may have meant."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command, or say which commands are near."""
        if args and self.get_command(ctx, args[0]) is None:
            raise click.UsageError(
                f"no command {args[0]!r}{near_misses(args[0], self.list_commands(ctx))}", ctx
            )
        return super().resolve_command(ctx, args)
