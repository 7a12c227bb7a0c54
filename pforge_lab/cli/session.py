"""What a command acts on: the current store, pipeline and run."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pforge_lab.errors import RunNotFound, StateLocked, UsageError, near_misses
from pforge_lab.runs import api
from pforge_lab.state import open_state

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping
    from contextlib import AbstractContextManager

    from pforge_lab.cli.progress import Progress
    from pforge_lab.cli.settings import Defaults
    from pforge_lab.pipeline.loader import Forge
    from pforge_lab.pipeline.spec import Pipeline
    from pforge_lab.runs.records import StepRecord
    from pforge_lab.runs.run import Run
    from pforge_lab.state import StateManager


@dataclass
class Session:
    """The memory between commands: of a notebook, or of one call in a shell.

    Attributes
    ----------
    state
        The store named by ``open`` or ``--state``; None means the default place.
    pipelines
        Loaded ones by name; ``pipeline`` is the one that ``start`` takes without a name.
    run
        The current run.
    namespace
        The notebook's variables; None in a shell.
    on_record
        Told of each record while a command executes several steps.
    progress
        Shows what is under way while a command takes its time.
    record
        Begins or ends the recording of the notebook; None in a shell.
    defaults
        What ``config`` shows and sets; None in a shell.
    memory, trust
        Deeper looks at memory in runs that are started, and names trusted in runs that are opened, where
        a command says nothing else.
    """

    state: StateManager | None = None
    pipelines: dict[str, Pipeline] = field(default_factory=dict)
    pipeline: Pipeline | None = None
    run: Run | None = None
    namespace: MutableMapping[str, Any] | None = None
    on_record: Callable[[StepRecord], None] = lambda _: None
    progress: Progress | None = None
    record: Callable[..., Run | None] | None = None
    defaults: Defaults | None = None
    memory: tuple[str, ...] = ()
    trust: tuple[str, ...] = ()

    def following(self, run: Run) -> AbstractContextManager[None]:
        """Show progress of a run, where there is a place for it, as long as the context lasts."""
        return nullcontext() if self.progress is None else self.progress(run)

    def need_run(self) -> Run:
        """Return the current run; in a shell the newest one.

        Raises
        ------
        RunNotFound
            There is none; the message says how to get one.
        """
        if self.run is not None:
            return self.run
        if self.namespace is None:
            return self.open(None)
        raise RunNotFound(
            "there is no current run; start one with %pforge start, or select one with %pforge attach [RUN]"
        )

    def open(self, run: str | None) -> Run:
        """Open a run, the newest without an id, and make it the current one."""
        self.run = api.open_run(run, state=self.state, trust=self.trust)
        return self.run

    def choose(self, run: Run) -> None:
        """Make a run the current one."""
        self.run = run

    def let_go(self, id: str) -> None:  # noqa: A002 - as in `pforge_lab.delete_run`
        """Have no current run any more if it is this one, which was deleted."""
        if self.run is not None and self.run.id == id:
            self.run = None

    def find_pipeline(self, name: str | None = None) -> tuple[Pipeline, str | None]:
        """Return what `need_pipeline` does, or the pipeline of the file of that name, with the file's stem."""
        if name is not None and name not in self.pipelines and (file := Path(name)).is_file():
            self.load(file)
            return self.need_pipeline(), file.stem
        return self.need_pipeline(name), None

    def need_pipeline(self, name: str | None = None) -> Pipeline:
        """Return the pipeline of that name, or the current one.

        Raises
        ------
        UsageError
            Nothing is loaded, or nothing of that name.
        """
        if name is not None:
            return self._named(name)
        if self.pipeline is None and len(self.pipelines) > 1:
            raise UsageError(f"which pipeline? There are {', '.join(map(repr, sorted(self.pipelines)))}")
        if self.pipeline is None:
            where = (
                "load one with %pforge load FILE, or give the name of a variable that holds one"
                if self.namespace is not None
                else "name one with: start FILE"
            )
            raise UsageError(f"no pipeline is loaded; {where}")
        return self.pipeline

    def _named(self, name: str) -> Pipeline:
        """Return a loaded pipeline, or one that a variable of the notebook holds."""
        held = self.variables_with_pipelines()
        if name in self.pipelines:
            return self.pipelines[name]
        if name in held:
            return held[name]
        if self.namespace is None:
            raise UsageError(f"there is no file {name!r}; give one that holds a pipeline")
        raise UsageError(f"no pipeline {name!r} is loaded{near_misses(name, {**self.pipelines, **held})}")

    def variables_with_pipelines(self) -> dict[str, Pipeline]:
        """Return the variables of the notebook that hold pipelines."""
        from pforge_lab.pipeline.spec import Pipeline  # noqa: PLC0415 - only where one is looked for

        found = (self.namespace or {}).items()
        return {
            name: value for name, value in found if isinstance(value, Pipeline) and not name.startswith("_")
        }

    def load(self, path: Path, name: str | None = None) -> Pipeline | Forge:
        """Load a file; its pipeline (of that name, or its only one) becomes the current one."""
        from pforge_lab.pipeline.loader import Forge, load_file  # noqa: PLC0415 - only commands that read files

        loaded = load_file(path)
        found = dict(loaded.pipelines) if isinstance(loaded, Forge) else {loaded.name: loaded}
        if name is not None and name not in found:
            raise UsageError(f"{path.name} has no pipeline {name!r}{near_misses(name, found)}")
        self.pipelines |= found
        if name is not None or len(found) == 1:
            self.pipeline = found[name] if name is not None else next(iter(found.values()))
        else:
            self.pipeline = None
        return loaded

    def start(
        self, pipeline: Pipeline, params: dict[str, Any], *, place: str | None = None, **options: Any
    ) -> Run:
        """Start a run, with the options of `pforge_lab.Pipeline.start`, and make it the current one."""
        options["memory"] = options.get("memory") or self.memory
        self.run = api.start(pipeline, params, state=self.store(place), **options)
        return self.run

    def store(self, place: str | None = None) -> StateManager | None:
        """Return the store that new runs go to: the current one; else in a shell that of a name, in a notebook None."""
        from pforge_lab.runs.places import default_state  # noqa: PLC0415 - only where a run starts

        return self.state if self.state is not None or self.namespace is not None else default_state(place)

    def place_of_new_runs(self) -> StateManager:
        """Return the store that the next run goes to: the current one, or the default one."""
        from pforge_lab.runs.places import default_state  # noqa: PLC0415 - only where a run starts

        return self.state if self.state is not None else default_state()


pass_session = click.make_pass_decorator(Session)


def opened(url: str, *, looks: bool) -> StateManager:
    """Open a store; to look only, also beside a process that holds it."""
    try:
        return open_state(url)
    except StateLocked:
        if not looks:
            raise
        return open_state(url, mode="r")
