"""What may stand at a point of a command line: in a shell through click, in a notebook through a matcher.

Completing executes nothing, loads no variable and never fails: what cannot be looked up has no completions.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

from click.shell_completion import CompletionItem

from pforge_lab.cli.session import Session
from pforge_lab.errors import PforgeError
from pforge_lab.runs import api
from pforge_lab.runs.peek import peek, reached

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import click

    from pforge_lab.pipeline.spec import Pipeline
    from pforge_lab.runs.timeline import Timeline
    from pforge_lab.state import StateManager

    Item = CompletionItem[str]
    Completer = Callable[[click.Context, click.Parameter, str], list[Item]]

MOST = 200
SCHEMES = ("memory:", "sqlite:", "zodb:", "zeo:", "redis://", "postgresql://")
PIPELINES = (".yaml", ".yml")


def _completer(kind: str) -> Callable[[Callable[[click.Context, str], Iterable[Any]]], Completer]:
    """Make a completer of a function that gives words, or pairs of a word and what to say of it."""

    def made(function: Callable[[click.Context, str], Iterable[Any]]) -> Completer:
        @wraps(function)
        def complete(context: click.Context, _: click.Parameter, incomplete: str) -> list[Item]:
            try:
                found = list(function(context, incomplete))
            except (PforgeError, OSError):  # a prompt is no place for errors: the command will say it
                return []
            pairs = (entry if isinstance(entry, tuple) else (entry, None) for entry in found)
            return [
                CompletionItem(word, help=told, kind=kind)
                for word, told in pairs
                if word.startswith(incomplete)
            ][:MOST]

        return complete

    return made


def session_of(context: click.Context) -> Session:
    """Return what commands remember; in a shell there is nothing yet."""
    found = context.find_root().obj
    return found if isinstance(found, Session) else Session()


def _in_notebook(context: click.Context) -> bool:
    return session_of(context).namespace is not None


def _place(context: click.Context) -> str | StateManager | None:
    named = context.find_root().params.get("state")
    return named if isinstance(named, str) else session_of(context).state


@contextmanager
def _timeline(context: click.Context) -> Iterator[Timeline | None]:
    """Have the run that the command would act on, as far as its names go."""
    session, named = session_of(context), context.find_root().params.get("run_id")
    if named is None and session.run is not None:
        yield session.run.timeline
    elif named is None and session.namespace is not None:
        yield None
    else:
        with peek(named or "", _place(context)) as timeline:
            yield timeline


@_completer("run")
def runs(context: click.Context, _: str) -> Iterator[tuple[str, str]]:
    """Ids of runs, the newest first."""
    for row in api.summaries(_place(context)):
        yield row.id, f"{row.pipeline}, {row.status}, {row.steps_done} of {row.steps_total} steps"


@_completer("default")
def defaults(context: click.Context, _: str) -> Iterator[str]:
    """Defaults of the notebook, with the sign that follows."""
    known = session_of(context).defaults
    yield from () if known is None else (f"{name}=" for name in known.values())


@_completer("step")
def places(context: click.Context, incomplete: str) -> Iterator[tuple[str, str]]:
    """Labels that the run has reached; positions where a number was begun."""
    with _timeline(context) as timeline:
        if timeline is None:
            return
        labels = reached(timeline)
        for position, label in enumerate(labels, start=1):
            yield label, f"position {position}"
        if incomplete.isdigit():
            yield from ((str(position), f"after {label}") for position, label in enumerate(labels, start=1))


@_completer("step")
def planned(context: click.Context, _: str) -> Iterator[str]:
    """Labels of all steps of the run."""
    with _timeline(context) as timeline:
        yield from timeline.labels if timeline else ()


@_completer("variable")
def variables(context: click.Context, _: str) -> Iterator[tuple[str, str]]:
    """Variables of the run, at ``--at`` where that is given."""
    yield from _variables(context)


@_completer("variable")
def assigned(context: click.Context, _: str) -> Iterator[tuple[str, str]]:
    """Variables of the run, ready to be given a value."""
    for name, told in _variables(context):
        yield f"{name}=", told


def _variables(context: click.Context) -> Iterator[tuple[str, str]]:
    at = context.params.get("at")
    with _timeline(context) as timeline:
        if timeline is None:
            return
        position = timeline.position if at is None else timeline.resolve(int(at) if at.isdigit() else at)
        manifest = timeline.manifest(position)
        for name in manifest.names:
            if name:
                kind, shape, _ = manifest.told.get(name, ("", "", ""))
                yield name, f"{kind} {shape}".strip()


@_completer("pipeline")
def pipelines(context: click.Context, incomplete: str) -> Iterator[str]:
    """Pipelines that are loaded, variables of the notebook that hold one, and files that may hold some."""
    session = session_of(context)
    yield from {**session.pipelines, **session.variables_with_pipelines()}
    yield from _paths(incomplete, PIPELINES)


@_completer("parameter")
def params(context: click.Context, incomplete: str) -> Iterator[tuple[str, str]]:
    """Parameters of the pipeline with ``=``, then values where they are known; in a notebook its variables as ``$NAME``."""
    pipeline = _pipeline(context)
    if pipeline is None:
        return
    name, given, begun = incomplete.partition("=")
    if not given:
        for known, param in pipeline.params.items():
            yield f"{known}=", param.description or param.type
    elif name in pipeline.params:
        param = pipeline.params[name]
        values = param.enum or ([True, False] if param.type == "boolean" else [])
        yield from ((f"{name}={str(v).lower() if isinstance(v, bool) else v}", param.type) for v in values)
        if begun.startswith("$"):
            namespace = session_of(context).namespace or {}
            yield from ((f"{name}=${variable}", "") for variable in namespace if not variable.startswith("_"))


def _pipeline(context: click.Context) -> Pipeline | None:
    """Return the pipeline that a command line is about: of its file, named, or the current one."""
    session = session_of(context)
    named = context.params.get("file") or context.params.get("pipeline")
    named = named or next(
        iter(context.args), None
    )  # what click has not read because an option waits for its value
    if named is None:
        return session.pipeline
    known = {**session.variables_with_pipelines(), **session.pipelines}
    if str(named) in known:
        return known[str(named)]
    return Session().load(Path(named)) if Path(named).is_file() else None  # type: ignore[return-value]


@_completer("key")
def keys(context: click.Context, incomplete: str) -> Iterator[str]:
    """Keys of the store that is open."""
    session, place = session_of(context), _place(context)
    if place is None and session.run is not None:
        place = session.run.state
    if place is not None:
        with api.looking(place) as store:
            yield from store.keys(incomplete)


@_completer("store")
def stores(_: click.Context, incomplete: str) -> Iterator[str]:
    """Kinds of stores, and files that are some."""
    yield from SCHEMES
    yield from _paths(incomplete, (".fs",))
    yield from _paths(incomplete or ".pforge/", (".fs",))


@_completer("command")
def commands(context: click.Context, _: str) -> Iterator[tuple[str, str]]:
    """Commands, for ``help``."""
    group: Any = context.find_root().command
    for name in group.list_commands(context):
        yield name, group.get_command(context, name).get_short_help_str(200)


def files(*suffixes: str) -> Completer:
    """Return what completes names of files that end so, and of folders; a shell completes files itself."""

    @_completer("path")
    def named(_: click.Context, incomplete: str) -> Iterator[str]:
        yield from _paths(incomplete, suffixes)

    @wraps(named)
    def complete(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[Item]:
        if not _in_notebook(context):
            return [CompletionItem(incomplete, type="file")]
        return named(context, parameter, incomplete)

    return complete


def _paths(incomplete: str, suffixes: tuple[str, ...]) -> Iterator[str]:
    folder, slash, begun = incomplete.rpartition("/")
    where = Path((folder + slash) or ".").expanduser()
    for path in sorted(where.iterdir()) if where.is_dir() else ():
        if path.name.startswith(".") and not begun.startswith("."):
            continue
        if path.is_dir():
            yield f"{folder}{slash}{path.name}/"
        elif path.suffix in suffixes:
            yield f"{folder}{slash}{path.name}"
