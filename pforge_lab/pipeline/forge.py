"""A forge: a file with many tools, some of which are pipelines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import Field, StrictInt, StrictStr, field_validator

from pforge_lab.errors import Fault, SpecError, near_misses

from .definitions import read_tools
from .kinds.nested import PipelineDefinition
from .models import Faults, Model, Positive, read
from .spec import Pipeline

if TYPE_CHECKING:
    from pathlib import Path

    from .kinds.definition import Definition

Backend = Literal["sled", "zodb", "memory", "redis"]
_UNUSED: Final = ("resources", "prompts")


class ForgeMetadata(Model):
    """The ``forge:`` section.

    Attributes
    ----------
    name
        Of the file's server.
    version
        Of the server.
    description
        One line about it.
    transport
        ``stdio``, ``sse`` or ``websocket``: kept, and not used here.
    optimization
        ``debug`` or ``release``: kept, and not used here.
    """

    name: StrictStr = Field(min_length=1)
    version: StrictStr | None = None
    description: StrictStr | None = None
    transport: Literal["stdio", "sse", "websocket"] | None = None
    optimization: Literal["debug", "release"] | None = None

    @field_validator("version", mode="before")
    @classmethod
    def _number(cls, version: Any) -> Any:
        return str(version) if isinstance(version, int | float) and not isinstance(version, bool) else version


class StateSettings(Model):
    """The ``state:`` section: which store runs of this file live in.

    Attributes
    ----------
    backend
        ``sled`` means ZODB at `path`, as ``zodb`` does.
    path
        The file of a ``sled`` or ``zodb`` store, relative to the pipeline's.
    url
        The server of a ``redis`` store.
    cache_size
        Objects that each thread of a ``sled`` or ``zodb`` store keeps in memory.
    pool_size
        Connections to a server at most.
    ttl_seconds
        How long values live, in seconds; without it, for ever.
    max_size
        Bytes of a ``memory`` store at most.
    options
        Further options of pforge's, not used here.
    """

    backend: Backend
    path: StrictStr | None = None
    url: StrictStr | None = None
    cache_size: StrictInt | None = Field(default=None, ge=0)
    pool_size: StrictInt | None = Field(default=None, ge=1)
    ttl_seconds: Positive | None = None
    max_size: StrictInt | None = Field(default=None, ge=1)
    options: dict[str, Any] | None = None


class Forge(Mapping[str, Pipeline]):
    """The pipelines of a file, by name; `load_forge` makes it.

    Parameters
    ----------
    data
        What the file has, as plain data.
    check_tools
        Whether the functions of the pipelines' tools have to be found now.

    Attributes
    ----------
    name, version
        Of the ``forge:`` section.
    tools
        All declared tools by name.
    pipelines
        Those that are pipelines.
    state
        The ``state:`` section, or None.
    unused
        Sections and settings that mean something to pforge only: kept, and not used here.
    source, base_dir
        The file, or None, and the folder that ``module:function`` starts from.

    Raises
    ------
    SpecError
        With everything that is wrong.

    Examples
    --------
    >>> from pforge_lab.pipeline.loader import loads
    >>> forge = loads('''
    ... forge: { name: lab }
    ... tools:
    ...   - { type: pipeline, name: hello, steps: [{ tool: greet }] }
    ...   - { type: cli, name: greet, command: echo, args: [hello] }
    ... ''')
    >>> forge.name, list(forge), sorted(forge.tools), "greet" in forge
    ('lab', ['hello'], ['greet', 'hello'], False)
    """

    def __init__(
        self, data: Mapping[str, Any], base_dir: Path, source: Path | None, *, check_tools: bool
    ) -> None:
        faults = Faults()
        known = ("forge", "tools", "state", *_UNUSED)
        for name in data:
            if name not in known:
                faults.add(f"unknown field {name!r}{near_misses(str(name), known)}", str(name))
        metadata = ForgeMetadata.model_construct(name="")
        with faults.collect("forge"):
            metadata = read(ForgeMetadata, data.get("forge"))
        self.tools: dict[str, Definition] = {}
        with faults.collect("tools"):
            self.tools = read_tools(data.get("tools") or [])
        self.state: StateSettings | None = None
        with faults.collect("state"):
            self.state = None if data.get("state") is None else read(StateSettings, data["state"])
        self.source = source
        self.base_dir = base_dir
        self.pipelines = self._pipelines(data.get("tools") or [], faults, check_tools=check_tools)
        faults.raise_if_any()
        self.name = metadata.name
        self.version = metadata.version
        self.unused = _unused(data, metadata)

    def _pipelines(self, listed: Any, faults: Faults, *, check_tools: bool) -> dict[str, Pipeline]:
        places = (
            {item.get("name"): i for i, item in enumerate(listed) if isinstance(item, Mapping)}
            if not faults
            else {}
        )
        pipelines: dict[str, Pipeline] = {}
        for name, definition in self.tools.items():
            if isinstance(definition, PipelineDefinition) and not faults:
                with faults.collect(f"tools.{places[name]}"):
                    pipelines[name] = definition.pipeline(
                        self.tools, self.base_dir, self.source, check_tools=check_tools
                    )
        return pipelines

    def __getitem__(self, name: str) -> Pipeline:
        """Return the pipeline of that name.

        Raises
        ------
        SpecError
            There is none; also a ``LookupError``.
        """
        try:
            return self.pipelines[name]
        except KeyError:
            raise NoPipeline.named(name, self) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self.pipelines)

    def __len__(self) -> int:
        return len(self.pipelines)

    def __contains__(self, name: object) -> bool:
        return name in self.pipelines

    def __repr__(self) -> str:
        pipelines = ", ".join(self.pipelines) or "none"
        unused = f"; not used here: {', '.join(self.unused)}" if self.unused else ""
        return f"<Forge {self.name!r}: {len(self.tools)} tools, pipelines: {pipelines}{unused}>"


class NoPipeline(SpecError, KeyError):
    """A forge has no pipeline of that name."""

    __str__ = Exception.__str__

    @classmethod
    def named(cls, name: object, forge: Forge) -> NoPipeline:
        """Return the error, with near misses."""
        if name in forge.tools:
            message = f"the tool {name!r} is no pipeline{near_misses(str(name), forge.pipelines)}"
        else:
            message = f"no pipeline {name!r}{near_misses(str(name), forge.pipelines)}"
        file = str(forge.source) if forge.source is not None else None
        error = cls.of([Fault(message if file is None else f"{file}: {message}")])
        assert isinstance(error, NoPipeline)  # noqa: S101 -- of() makes its own class
        return error


def _unused(data: Mapping[str, Any], metadata: ForgeMetadata) -> dict[str, Any]:
    kept = {name: data[name] for name in _UNUSED if name in data}
    for name in ("transport", "optimization"):
        value = getattr(metadata, name, None)
        if value is not None:
            kept[name] = value
    return kept
