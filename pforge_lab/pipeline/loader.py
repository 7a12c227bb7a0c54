"""Files -> pipelines and forges, with the file and the line of every fault."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pforge_lab.errors import Fault, SpecError, UsageError, near_misses

from .definitions import read_tools
from .documents import Document, decode, parse
from .forge import Forge, StateSettings
from .kinds.nested import PipelineDefinition
from .models import Faults, describe, read
from .spec import Pipeline

__all__ = ["Forge", "load_file", "load_forge", "load_pipeline", "loads"]


def load_pipeline(path: str | Path, name: str | None = None) -> Pipeline:
    """Load one pipeline from a YAML file.

    Parameters
    ----------
    path
        A file with one pipeline, or a forge.
    name
        Which pipeline of a forge; needed if it has several.

    Raises
    ------
    SpecError
        Everything that is wrong with the file, each with its line.
    UsageError
        A forge has several pipelines and `name` does not say which.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "size.yaml")
    >>> _ = path.write_text('''
    ... params: { text: string }
    ... steps:
    ...   - { tool: "builtins:len", input: { obj: "{{ text }}" }, output_var: size }
    ... ''')
    >>> load_pipeline(path)
    <Pipeline 'size': builtins:len>
    """
    loaded = load_file(path)
    if isinstance(loaded, Pipeline):
        if name is not None and name != loaded.name:
            raise SpecError.of([Fault(f"{path}: no pipeline {name!r}{near_misses(name, [loaded.name])}")])
        return loaded
    if name is not None:
        return loaded[name]
    if len(loaded) == 1:
        return next(iter(loaded.values()))
    which = ", ".join(map(repr, loaded)) if loaded else "none"
    raise UsageError(f"{path} is a forge with {len(loaded)} pipelines ({which}); say which: name=...")


def load_forge(path: str | Path) -> Forge:
    """Load a forge (``pforge.yaml``) from the file ``path``: ``forge["daily"]`` is its pipeline of that name.

    Raises
    ------
    SpecError
        Everything that is wrong with the file, each with its line.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> text = '''
    ... forge: { name: lab }
    ... tools:
    ...   - type: pipeline
    ...     name: hello
    ...     steps: [{ tool: greet }]
    ...   - { type: cli, name: greet, command: echo, args: [hello] }
    ... '''
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "pforge.yaml")
    ...     size = path.write_text(text)
    ...     forge = load_forge(path)
    >>> list(forge), forge["hello"].labels
    (['hello'], ('greet',))
    """
    loaded = load_file(path)
    if isinstance(loaded, Forge):
        return loaded
    raise SpecError.of(
        [
            Fault(
                "this file is one pipeline, not a forge; use load_pipeline, or add a 'forge:' section",
                str(path),
                1,
            )
        ],
    )


def load_file(path: str | Path) -> Forge | Pipeline:
    """Load a forge or one pipeline, whichever the file at ``path`` is.

    Raises
    ------
    SpecError
        Everything that is wrong with the file, each with its line; also when it cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "size.yaml")
    >>> _ = path.write_text("steps: [{ tool: 'builtins:print' }]")
    >>> load_file(path)
    <Pipeline 'size': builtins:print>
    """
    file = Path(path)
    try:
        raw = file.read_bytes()
    except FileNotFoundError:
        raise SpecError.of([Fault(f"there is no file {str(file)!r}{_beside(file)}")]) from None
    except OSError as error:
        raise SpecError.of([Fault(f"cannot read {str(file)!r}: {error.strerror or error}")]) from None
    source = file.resolve()
    return _load(decode(raw, str(path)), str(path), source.parent, source, file.stem)


def loads(
    text: str, *, filename: str = "<text>", base_dir: str | Path | None = None, name: str | None = None
) -> Forge | Pipeline:
    """Load a forge or one pipeline from a text.

    Parameters
    ----------
    text
        What a file would have.
    filename
        What faults call the text.
    base_dir
        Folder that ``module:function`` starts from; the current one by default.
    name
        The name of a pipeline whose text has none.

    Raises
    ------
    SpecError
        Everything that is wrong, each with its line.

    Examples
    --------
    >>> loads("steps: [{ tool: 'builtins:print' }]", name="printing")
    <Pipeline 'printing': builtins:print>
    """
    return _load(text, filename, Path(base_dir) if base_dir is not None else Path(), None, name)


def _beside(file: Path) -> str:
    folder = file.parent
    names = [path.name for path in folder.glob("*.y*ml")] if folder.is_dir() else []
    return near_misses(file.name, names)


def _load(text: str, filename: str, folder: Path, source: Path | None, name: str | None) -> Forge | Pipeline:
    document = parse(text, filename)
    try:
        loaded = _build(document.data, folder, source, name)
    except SpecError as error:
        raise SpecError.of(_sorted(document, error.faults)) from None
    if document.faults:
        raise SpecError.of(_sorted(document, ()))
    return loaded


def _sorted(document: Document, faults: Any) -> list[Fault]:
    """Return all faults by line; a field that could not be read is not told of twice."""
    unread = {fault.field for fault in document.faults}
    placed = [document.place(fault) for fault in faults if fault.field not in unread]
    return sorted([*document.faults, *placed], key=lambda fault: fault.line or 0)


def _build(data: Any, folder: Path, source: Path | None, name: str | None) -> Forge | Pipeline:
    if data is None:
        raise SpecError.of([Fault("the file is empty; a pipeline has 'name', 'params' and 'steps'")])
    if not isinstance(data, Mapping):
        raise SpecError.of([Fault(f"must be a mapping with 'steps' or 'forge', not {describe(data)}")])
    if "forge" in data:
        return Forge(data, folder, source, check_tools=True)
    if "steps" not in data:
        known = ("name", "params", "steps", "tools", "state", "forge")
        unknown = [
            Fault(f"unknown field {key!r}{near_misses(str(key), known)}", field=str(key))
            for key in data
            if key not in known
        ]
        faults = [Fault("there is neither 'steps' (one pipeline) nor 'forge' (many tools)"), *unknown]
        raise SpecError.of(faults)
    return _pipeline(data, folder, source, name)


def _pipeline(data: Mapping[str, Any], folder: Path, source: Path | None, name: str | None) -> Pipeline:
    fields = dict(data)
    state = fields.pop("state", None)
    if name is not None:
        fields.setdefault("name", name)
    faults = Faults()
    settings: StateSettings | None = None
    with faults.collect("state"):
        settings = None if state is None else read(StateSettings, state)
    with faults.collect():
        pipeline = Pipeline.from_dict(fields, folder, source=source, check_tools=True)
    if not faults:
        _check_nested(fields.get("tools") or [], folder, faults)
    faults.raise_if_any()
    pipeline.state = settings
    return pipeline


def _check_nested(data: Any, folder: Path, faults: Faults) -> None:
    """Check the pipelines among the tools of a pipeline, as those of a forge are."""
    tools = read_tools(data)
    for i, definition in enumerate(tools.values()):
        if isinstance(definition, PipelineDefinition):
            with faults.collect(f"tools.{i}"):
                definition.pipeline(tools, folder, None, check_tools=True)
