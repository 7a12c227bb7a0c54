"""``state``: commands on the keys of a store, and on the store as a whole."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pforge_lab.cli import completing
from pforge_lab.cli.group import Grammar
from pforge_lab.cli.looking import age
from pforge_lab.cli.session import Session, opened, pass_session
from pforge_lab.errors import RunNotFound, UsageError, near_misses
from pforge_lab.runs.collection import collect_chunks
from pforge_lab.runs.places import default_path, default_state
from pforge_lab.state import open_state, shelf
from pforge_lab.state.existing import check_exists
from pforge_lab.state.opening import SCHEMES
from pforge_lab.values.format import count
from pforge_lab.views.keys import OWN, listed

READING = frozenset(("ls", "get", "stats"))
CREATING = frozenset(("set", "import", "serve"))  # the others act on what is there
NAMED = "pforge_lab.state"  # in a context's meta: the URL that --state names, not opened yet

if TYPE_CHECKING:
    from pforge_lab.state import StateManager, StateStats
    from pforge_lab.widgets.store_browser import StoreBrowser


@click.group(cls=Grammar)
@click.pass_context
def state(context: click.Context) -> None:
    """Look into the store that was opened, or that --state names, and keep house in it."""
    session = context.ensure_object(Session)
    url, command = context.meta.get(NAMED), context.invoked_subcommand
    if url is not None:
        if command not in CREATING:
            check_exists(url)
        session.state = opened(url, looks=command in READING)
    chosen = session.state
    if chosen is not None and chosen.mode == "r" and session.namespace is None and command not in READING:
        session.state = open_state(chosen.url)  # says who holds it, as the command would write


def _store(session: Session, *, creates: bool = False) -> StateManager:
    """Return the store that was chosen, or that of the current run, or the default one, which only what puts something into it creates."""
    if session.state is None:
        try:
            session.state = session.need_run().state
        except RunNotFound:
            if not creates:
                check_exists(default_path())
            session.state = default_state()
    return session.state


def _near(key: str, store: StateManager) -> str:
    """Return keys that may have been meant; those of runs only where one of them was."""
    return near_misses(key, listed(store, own=key.startswith(OWN)))


@state.command(name="ls")
@click.argument("prefix", default="", shell_complete=completing.keys)
@pass_session
def list_keys(session: Session, prefix: str) -> list[str] | None:
    """List the keys that begin with PREFIX, sorted."""
    keys = _store(session).keys(prefix)
    if session.namespace is not None:
        return keys
    for key in keys:
        click.echo(key)
    return None


@state.command(name="get")
@click.argument("key", shell_complete=completing.keys)
@pass_session
def get_value(session: Session, key: str) -> bytes | None:
    """Show the value under KEY: bytes in a notebook; in a shell they are written as they are."""
    store = _store(session)
    value = store.get(key)
    if value is None:
        raise UsageError(f"there is no key {key!r} in {store.url}{_near(key, store)}")
    if session.namespace is None:
        sys.stdout.flush()
        sys.stdout.buffer.write(value)
        return None
    return value


@state.command(name="set")
@click.argument("key", shell_complete=completing.keys)
@click.argument("value")
@click.option("--ttl", metavar="AGE", help="Expire after AGE, such as 30m, 12h or 7d.")
@pass_session
def set_value(session: Session, key: str, value: str, ttl: str | None) -> None:
    """Put the text VALUE under KEY, as UTF-8."""
    _store(session, creates=True).set(key, value.encode(), None if ttl is None else age(ttl))


@state.command(name="delete")
@click.argument("keys", nargs=-1, required=True, shell_complete=completing.keys)
@pass_session
def delete_keys(session: Session, keys: tuple[str, ...]) -> None:
    """Delete KEYS."""
    store = _store(session)
    missing = [key for key in keys if not store.exists(key)]
    if missing:
        raise UsageError(f"there is no key {missing[0]!r} in {store.url}{_near(missing[0], store)}")
    with store.batch() as batch:
        for key in keys:
            batch.delete(key)
    click.echo(f"deleted {', '.join(keys)}")


@state.command(name="stats")
@pass_session
def show_stats(session: Session) -> StateStats | None:
    """Show keys, bytes, expired keys, file bytes and the largest keys."""
    stats = _store(session).stats()
    if session.namespace is not None:
        return stats
    click.echo(f"{stats.url}: {stats.keys:,} keys, {stats.bytes:,} bytes, {stats.expired:,} expired")
    if stats.file_bytes is not None:
        click.echo(f"{stats.file_bytes:,} bytes on disk")
    for key, size in stats.largest:
        click.echo(f"{size:>15,}  {key}")
    return None


@state.command(name="ui")
@pass_session
def browse(session: Session) -> StoreBrowser:
    """Open the store browser, in a notebook: keys to search, look at, delete and put back."""
    if session.namespace is None:
        raise UsageError(
            "the store browser is a view of notebooks: in a cell, %pforge state ui; in a shell use state ls"
        )
    return _store(session).ui()


@state.command(name="cleanup")
@pass_session
def clean_up(session: Session) -> None:
    """Remove what has expired."""
    click.echo(f"removed {count(_store(session).cleanup(), 'expired key')}")


@state.command(name="compact")
@pass_session
def compact(session: Session) -> None:
    """Remove snapshots that no run needs, and give the space of what was removed back to the disk."""
    store = _store(session)
    before = store.stats().file_bytes
    click.echo(collect_chunks(store))
    store.compact()
    after = store.stats().file_bytes
    click.echo(
        "compacted" if before is None or after is None else f"compacted from {before:,} to {after:,} bytes"
    )


@state.command(name="import")
@click.argument("old_shelf", type=click.Path(path_type=Path))
@click.option("--prefix", default="", help="Put in front of every key.")
@pass_session
def import_shelf(session: Session, old_shelf: Path, prefix: str) -> None:
    """Copy a shelf that the shelve module made, without unpickling anything."""
    imported = shelf.import_shelf(old_shelf, _store(session, creates=True), prefix)
    click.echo(f"imported {count(imported, 'value')}; read them with state.shelf({prefix!r})")


@state.command(name="serve")
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "--socket", "socket_path", type=click.Path(path_type=Path), help="Where; beside PATH by default."
)
@pass_session
def serve(session: Session, path: Path, socket_path: Path | None) -> None:
    """Serve the ZODB file at PATH to other processes of this machine, until interrupted."""
    if session.namespace is not None:
        raise UsageError(f"serve goes on until it is interrupted: in a shell, pforge-lab state serve {path}")
    SCHEMES["zeo"].load()  # says which extra is missing
    from pforge_lab.state.zodb.zeo import StateServer  # noqa: PLC0415 - needs the extra ``zeo``

    with StateServer(path, socket_path) as server:
        click.echo(f"open it with: pforge-lab --state {server.url} runs")
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        server.serve()
