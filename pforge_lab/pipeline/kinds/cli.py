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
        if (reason := _refused(command)) is not None:
            raise ValueError(f"no command's name {reason}")
        return command

    @field_validator("env")
    @classmethod
    def _named(cls, env: dict[str, Any]) -> dict[str, Any]:
        for name in _misnamed(env):
            raise ValueError(f"{name!r} is no name of an environment variable")
        return env

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
        args = [text for i, arg in enumerate(self._args) for text in self._words(arg.render(scope), i)]
        environment = self._env.render(scope) | further["env"]
        finished = execute_command(
            [self._program(), *args, *(self._text(arg, "args") for arg in further["args"])],
            cwd=self._directory(scope),
            env=os.environ | {name: self._text(value, f"env.{name}") for name, value in environment.items()},
            stdin=self._input(scope),
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
        for name in _misnamed(further["env"]):
            message = f"{name!r} is no name of an environment variable for {self.name!r}"
            raise ParamError.of([Fault(message, field="env")])
        return further

    def _input(self, scope: Mapping[str, Any]) -> bytes | None:
        """Return what the command reads."""
        if self._stdin is None:
            return None
        try:
            return self._stdin.render(scope).encode()
        except UnicodeEncodeError as error:
            raise ParamError.of([Fault(f"what {self.name!r} reads {_half(error)}", field="stdin")]) from None

    def _words(self, value: Any, place: int) -> list[str]:
        """Return the texts that one of the definition's arguments stands for."""
        values = [] if value is None else value if isinstance(value, list | tuple) else [value]
        return [self._text(item, f"args.{place}") for item in values]

    def _text(self, value: Any, field: str) -> str:
        if isinstance(value, bool):
            return "true" if value else "false"
        if value is None or isinstance(value, Mapping | list | tuple | set):
            told = f"must be text or a number, not {describe(value)}"
        else:
            text = str(value)
            reason = _refused(text)
            if reason is None:
                return text
            told = reason
        raise ParamError.of([Fault(f"an argument of {self.name!r} {told}", field=field)])

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


def _refused(text: str) -> str | None:
    """Return why the system takes no such text for a command, or None."""
    if "\x00" in text:
        return "holds a character of code 0"
    try:
        os.fsencode(text)
    except UnicodeEncodeError as error:
        return _half(error)
    return None


def _half(error: UnicodeEncodeError) -> str:
    return f"holds half a character, {error.object[error.start]!r}, which has no encoding"


def _misnamed(env: Mapping[Any, Any]) -> list[str]:
    """Return the names that no environment variable can have."""
    return [
        name
        for name in env
        if not isinstance(name, str) or not name or "=" in name or _refused(name) is not None
    ]
