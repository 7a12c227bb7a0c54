"""Pages made from the code they describe: the fields of YAML, the commands, what stores promise, the notebooks."""

from __future__ import annotations

import inspect
import re
import shutil
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pforge_lab.cli.main import EPILOG, cli
from pforge_lab.pipeline.docstrings import parameter_descriptions
from pforge_lab.pipeline.forge import ForgeMetadata, StateSettings
from pforge_lab.pipeline.head import Head, Memory
from pforge_lab.pipeline.kinds.cli import CliDefinition
from pforge_lab.pipeline.kinds.http import HttpDefinition
from pforge_lab.pipeline.kinds.native import NativeDefinition
from pforge_lab.pipeline.kinds.nested import PipelineDefinition
from pforge_lab.pipeline.params import Param
from pforge_lab.pipeline.policies import Retry, Transition
from pforge_lab.pipeline.spec import Pipeline
from pforge_lab.pipeline.steps import Parallel, Step

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sphinx.application import Sphinx

MODELS: tuple[tuple[str, str, type[Any]], ...] = (
    ("A pipeline", "At the top of a file, or a tool of type `pipeline` in a forge.", Pipeline),
    ("A step", "An item of `steps`.", Step),
    ("A block side by side", "An item of `steps` with `parallel`.", Parallel),
    ("A param", "A value of `params`: a type, or a mapping with these fields.", Param),
    ("`retry`", "Of a step or a tool.", Retry),
    ("`next`", "An item of a step's `next`.", Transition),
    ("`memory`", "Of a pipeline.", Memory),
    ("A native tool", "A function: `type: native`.", NativeDefinition),
    ("A command", "`type: cli`.", CliDefinition),
    ("A request", "`type: http`.", HttpDefinition),
    ("A pipeline as a tool", "`type: pipeline`.", PipelineDefinition),
    ("`forge`", "The section of a file with many tools.", ForgeMetadata),
    ("`state`", "The section that says where runs live.", StateSettings),
)


WIDER = {
    "tool": "text",
    "input": "mapping, or text: one template",
    "foreach": "list, or text: one template",
    "params": "mapping; each a type, or a mapping",
    "retry": "mapping, or whole number",
    "next": "text, mapping, or list of mappings",
    "condition": "text, or `true`, `false`",
    "version": "text, or number",
    "items": "text: a type, or a mapping",
    "steps": "list of mappings",
    "tools": "list of mappings",
    "parallel": "list of mappings",
}
"""Types of fields that have more forms than the schema tells: the short ones are read before it."""

TYPES = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "`true` or `false`",
    "array": "list",
    "object": "mapping",
}
MANY = {"string": "texts", "integer": "whole numbers"}
BOUNDS = {"minimum": "at least", "maximum": "at most", "exclusiveMinimum": "above"}


@dataclass(frozen=True)
class FieldRow:
    """What the reference says of one field."""

    name: str
    type: str
    default: str
    text: str


def fields(model: type[Any]) -> Iterator[FieldRow]:
    """Yield each field that a definition may have."""
    told = {
        name: text for kind in reversed(model.__mro__) for name, text in parameter_descriptions(kind).items()
    }
    if model is Pipeline:  # it reads its fields by hand
        types = _types(Head)
        for name, parameter in inspect.signature(model).parameters.items():
            default = parameter.default
            empty = default is inspect.Parameter.empty or default in (None, ())
            yield FieldRow(
                name, types.get(name) or WIDER[name], "" if empty else repr(default), told.get(name, "")
            )
        return
    types = _types(model)
    for name, field in model.model_fields.items():
        shown = field.alias or name
        empty = field.is_required() or field.default is None or field.default_factory is not None
        plain = str(field.default).lower() if isinstance(field.default, bool) else str(field.default)
        default = "required" if field.is_required() else "" if empty else plain
        text = told.get(name, told.get(shown, field.description or ""))
        yield FieldRow(shown, types[shown], default, text)


def _types(model: type[Any]) -> dict[str, str]:
    """Return the types of a model's fields in plain words."""
    schema = model.model_json_schema()
    if "$ref" in schema:  # a model that has fields of its own kind
        schema = schema["$defs"][schema["$ref"].rpartition("/")[2]]
    return {name: WIDER.get(name) or words(field) for name, field in schema["properties"].items()}


def words(schema: dict[str, Any]) -> str:
    """Return the type that a JSON schema tells, in plain words."""
    if "anyOf" in schema:
        several = (words(each) for each in schema["anyOf"] if each.get("type") != "null")
        return " or ".join(dict.fromkeys(several))
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return f"one of {', '.join(f'`{value}`' for value in schema['enum'])}"
    if "$ref" in schema:
        return "mapping"
    kind = schema.get("type")
    if kind is None:
        return "any value"
    of = MANY.get(schema.get("items", {}).get("type", ""))
    bounds = [f", {word} {schema[name]:g}" for name, word in BOUNDS.items() if name in schema]
    return TYPES[kind] + (f" of {of}" if of else "") + "".join(bounds)


def yaml_page() -> str:
    """Return the reference of pipeline files."""
    parts = [
        "# Fields of a pipeline file",
        "",
        "Made from the schema that reads the files. An unknown field is an error that names what is near. Texts of",
        "`input`, `foreach`, `args` and the like may be templates.",
    ]
    for title, where, model in MODELS:
        parts += [
            "",
            f"## {title}",
            "",
            where,
            "",
            "| field | type | default | what it says |",
            "|---|---|---|---|",
        ]
        parts += [
            f"| `{row.name}` | {row.type} | {f'`{row.default}`' if row.default else ''} | {_cell(row.text)} |"
            for row in fields(model)
        ]
    return "\n".join(parts) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.replace("``", "`").replace("|", "\\|").split())


def commands(group: click.Group, path: str) -> Iterator[tuple[str, click.Command]]:
    """Yield every group and command below a group with its full name."""
    for name in sorted(group.commands):
        command = group.commands[name]
        yield f"{path} {name}", command
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")


def commands_page() -> str:
    """Return the reference of `pforge-lab`, which is that of `%pforge` too."""
    parts = [
        "# Commands",
        "",
        "What follows `pforge-lab` in a shell follows `%pforge` in a cell, where a command returns its object.",
        "",
        " ".join(EPILOG.split()),
        "",
        "## Options of all commands",
        "",
        "They stand before the command, in a shell.",
        *_block(_options(cli, "pforge-lab")),
    ]
    for name, command in commands(cli, "pforge-lab"):
        parts += ["", f"## {name.removeprefix('pforge-lab ')}", *_block(_help(command, name))]
    return "\n".join(parts) + "\n"


def _block(text: str) -> list[str]:
    return ["", "```text", text, "```"]


def _help(command: click.Command, name: str) -> str:
    """Return the help of a command, as the program prints it."""
    with click.Context(cli, info_name="pforge-lab", **cli.context_settings) as above:
        below = name.removeprefix("pforge-lab ")
        with click.Context(command, info_name=below, parent=above, **command.context_settings) as context:
            return command.get_help(context)


def _options(command: click.Command, name: str) -> str:
    """Return the part of a command's help that tells its options."""
    with click.Context(command, info_name=name, **command.context_settings) as context:
        formatter = context.make_formatter()
        click.Command.format_options(command, context, formatter)
        return formatter.getvalue().strip("\n")


def guarantees_page(tests: Path) -> str:
    """Return what each store promises, each promise linked to the test that holds it, and the tests."""
    text = (tests / "GUARANTEES.md").read_text(encoding="utf-8")
    linked = re.sub(r"`(test_\w+)`", r"[`\1`](#\1)", text)
    parts = [linked, "## The tests"]
    named = set(re.findall(r"`(test_\w+)`", text))
    for file in sorted(tests.glob("test_*.py")):
        for name in re.findall(r"^def (test_\w+)", file.read_text(encoding="utf-8"), re.MULTILINE):
            if name in named:
                where = f"```{{literalinclude}} ../../tests/state/{file.name}\n:pyobject: {name}\n```"
                parts += [
                    f"({name})=",
                    f"### {name.removeprefix('test_').replace('_', ' ').capitalize()}",
                    where,
                ]
    return "\n\n".join(parts) + "\n"


def write(app: Sphinx) -> None:
    """Write the pages beside the others, untouched where they have not changed."""
    source = Path(app.srcdir)
    made = {
        source / "reference" / "yaml.md": yaml_page(),
        source / "reference" / "commands.md": commands_page(),
        source / "reference" / "stores.md": guarantees_page(source.parent / "tests" / "state"),
    }
    for path, text in made.items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
    copies = source / "notebooks"
    copies.mkdir(exist_ok=True)
    tidy(copies, source.parent)
    for file in shipped(source.parent):
        target = copies / file.name
        if not target.exists() or target.read_bytes() != file.read_bytes():
            shutil.copyfile(file, target)


def shipped(root: Path) -> list[Path]:
    """Return the notebooks and what they need, as the wheel has them; not what was written beside them."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    return [root / name for name in project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]]


def tidy(folder: Path, root: Path) -> None:
    """Remove what executed lessons have written beside themselves: stores, notebooks, exports."""
    wanted = {file.name for file in shipped(root)}
    for path in folder.iterdir():
        if path.name in wanted:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def finished(app: Sphinx, _error: Exception | None) -> None:
    """Leave beside the pages nothing but what was put there."""
    source = Path(app.srcdir)
    tidy(source / "notebooks", source.parent)


def setup(app: Sphinx) -> dict[str, bool]:
    """Make the pages before Sphinx looks for them, and clear away after it what executing them has left."""
    app.connect("builder-inited", write)
    app.connect("build-finished", finished)
    return {"parallel_read_safe": True}
