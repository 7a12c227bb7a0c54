"""Tools that are commands: an argument list, never a shell."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, StrictBool, StrictInt, StrictStr, field_validator

from pforge_lab.errors import Fault, ParamError, ToolError
from pforge_lab.pipeline.models import describe, inside_validator
from pforge_lab.pipeline.processes import Finished, execute_command

from .arguments import scope_of
from .definition import Definition
from .text import Nested, SecretText, concealed

if TYPE_CHECKING:
    from pforge_lab.pipeline.calls import Box, Call


class CliDefinition(Definition):
    """A command as a tool of a file.

    Attributes
    ----------
    command
        The program: a name on ``PATH`` or a path; no template.
    args
        Its arguments; each may be a template. One whose value is a list stands for its
        elements, one whose value is null for none.
    cwd
        Where it runs; relative to the file.
    env
        Environment variables in addition to those of this process.
    stdin
        Text that it reads.
    stream
        Show its lines while it runs.
    parse
        What the output is: ``json`` (the value it prints), ``lines`` (a list) or ``text``;
        without it a mapping with ``stdout stderr exit_code``.
    allow_exit_codes
        Exit codes besides 0 that are no error.
    """

    type: Literal["cli"] = "cli"
    command: StrictStr = Field(min_length=1)
    args: list[Any] = Field(default_factory=list)
    cwd: StrictStr | None = None
    env: dict[str, Any] = Field(default_factory=dict)
    stdin: StrictStr | None = None
    stream: StrictBool = False
    parse: Literal["json", "lines", "text"] | None = None
    allow_exit_codes: list[StrictInt] = Field(default_factory=list)

    @field_validator("command")
    @classmethod
    def _fixed(cls, command: str) -> str:
        if "{{" in command:
            raise ValueError("the command is fixed; templates belong into 'args'")
        return command

    @field_validator("args", "env", "cwd", "stdin")
    @classmethod
    def _compiles(cls, value: Any) -> Any:
        with inside_validator():
            Nested(value)
        return value

    def tool(self, box: Box) -> CliTool:
        """Return what runs the command."""
        return CliTool(self, box.folder)


class CliTool:
    """Runs a command to its end."""

    def __init__(self, definition: CliDefinition, folder: Path) -> None:
        self.name = definition.name
        self.retry = definition.retry
        self.timeout = definition.timeout
        self._definition = definition
        self._folder = folder
        self._args = [Nested(arg) for arg in definition.args]
        self._env = Nested(definition.env)
        self._cwd = None if definition.cwd is None else SecretText(definition.cwd)
        self._stdin = None if definition.stdin is None else SecretText(definition.stdin)

    def call(self, arguments: Mapping[str, Any], call: Call) -> Any:
        """Return the output of the command."""
        arguments = dict(arguments)
        further = self._further(arguments)
        scope = scope_of(self.name, self._definition.params, arguments, self._reads())
        command = [
            self._program(),
            *(text for arg in self._args for text in _texts(arg.render(scope), self.name)),
        ]
        environment = {name: _text(value, self.name) for name, value in self._env.render(scope).items()}
        finished = execute_command(
            command + [_text(arg, self.name) for arg in further["args"]],
            cwd=self._directory(scope),
            env=os.environ
            | environment
            | {name: _text(value, self.name) for name, value in further["env"].items()},
            stdin=None if self._stdin is None else self._stdin.render(scope),
            stream=self._definition.stream,
            tool=self.name,
            call=call,
        )
        call.child_peak = finished.peak
        return self._output(finished)

    def fingerprint(self) -> str | None:
        """None: the definition says it all."""

    def _reads(self) -> set[str]:
        return {name for text in self._texts() for name in text.reads}

    def _further(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Take pforge's own ``args`` and ``env`` out of the arguments: they are added to the definition's."""
        declared = set(self._definition.params or ()) | self._reads()
        further: dict[str, Any] = {"args": [], "env": {}}
        for name, kind in (("args", list), ("env", dict)):
            if name in arguments and name not in declared:
                value = arguments.pop(name)
                if not isinstance(value, kind):
                    wanted = "a list" if kind is list else "a mapping"
                    raise ParamError.of([Fault(f"must be {wanted}, not {describe(value)}", field=name)])
                further[name] = value
        return further

    def _program(self) -> str:
        """Return the program; one with a separator is relative to the file."""
        command = self._definition.command
        beside = self._folder / command
        return str(beside.resolve()) if os.sep in command and not os.path.isabs(command) else command  # noqa: PTH117 -- a command is no path yet

    def _directory(self, scope: Mapping[str, Any]) -> Path:
        directory = (
            self._folder if self._cwd is None else self._folder / Path(self._cwd.render(scope)).expanduser()
        )
        if not directory.is_dir():
            shown = concealed(repr(str(directory)), self._texts())
            raise ToolError(f"{self.name!r}: there is no directory {shown}", tool=self.name)
        return directory

    def _output(self, finished: Finished) -> Any:
        if finished.exit_code != 0 and finished.exit_code not in self._definition.allow_exit_codes:
            raise self._failed(finished)
        if self._definition.parse == "text":
            return finished.stdout
        if self._definition.parse == "lines":
            return finished.stdout.splitlines()
        if self._definition.parse == "json":
            return self._json(finished)
        return {"stdout": finished.stdout, "stderr": finished.stderr, "exit_code": finished.exit_code}

    def _failed(self, finished: Finished) -> ToolError:
        facts = self._facts(finished)
        said = facts["stderr"].strip() or facts["stdout"].strip()
        last = said.splitlines()[-1][:200] if said else "it printed nothing"
        how = (
            f"exit code {finished.exit_code}" if finished.exit_code >= 0 else f"signal {-finished.exit_code}"
        )
        return ToolError(
            f"{self.name!r}: {self._definition.command!r} ended with {how}: {last}",
            tool=self.name, exit_code=finished.exit_code, **facts,
        )  # fmt: skip

    def _json(self, finished: Finished) -> Any:
        try:
            return json.loads(finished.stdout)
        except (ValueError, RecursionError) as error:
            raise ToolError(
                f"{self.name!r}: what {self._definition.command!r} printed is no JSON ({error}); "
                "leave 'parse' out to see it",
                tool=self.name, exit_code=finished.exit_code, **self._facts(finished),
            ) from None  # fmt: skip

    def _facts(self, finished: Finished) -> dict[str, str]:
        """Return what the command said, for an error."""
        texts = self._texts()
        return {"stdout": concealed(finished.stdout, texts), "stderr": concealed(finished.stderr, texts)}

    def _texts(self) -> list[SecretText]:
        further = [text for text in (self._cwd, self._stdin) if text is not None]
        return [*(text for nested in (*self._args, self._env) for text in nested.texts), *further]


def _texts(value: Any, tool: str) -> list[str]:
    if value is None:
        return []
    return [_text(item, tool) for item in value] if isinstance(value, list | tuple) else [_text(value, tool)]


def _text(value: Any, tool: str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    text = value if isinstance(value, str) else str(value)
    if value is None or isinstance(value, Mapping | list | tuple | set) or "\x00" in text:
        raise ParamError.of(
            [Fault(f"an argument of {tool!r} must be text or a number, not {describe(value)}")]
        )
    return text
