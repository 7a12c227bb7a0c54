"""Pages made from the code they describe: the fields of YAML, the commands, what stores promise, the notebooks."""

from __future__ import annotations

import inspect
import re
import shutil
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pforge_lab.cli.main import EPILOG, cli
from pforge_lab.pipeline.docstrings import parameter_descriptions
from pforge_lab.pipeline.forge import ForgeMetadata, StateSettings
from pforge_lab.pipeline.head import Memory
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


def fields(model: type[Any]) -> Iterator[tuple[str, str, str]]:
    """Yield name, default and description of each field a definition may have."""
    told = {
        name: text for kind in reversed(model.__mro__) for name, text in parameter_descriptions(kind).items()
    }
    if not hasattr(model, "model_fields"):  # `Pipeline` reads its fields by hand
        for name, parameter in list(inspect.signature(model).parameters.items()):
            default = parameter.default
            empty = default is inspect.Parameter.empty or default in (None, ())
            yield name, "" if empty else repr(default), told.get(name, "")
        return
    for name, field in model.model_fields.items():
        empty = field.is_required() or field.default is None or field.default_factory is not None
        shown = "required" if field.is_required() else "" if empty else str(field.default)
        yield (
            field.alias or name,
            shown,
            told.get(name, told.get(field.alias or name, field.description or "")),
        )


def yaml_page() -> str:
    """Return the reference of pipeline files."""
    parts = [
        "# Fields of a pipeline file",
        "",
        "Made from the schema that reads the files. An unknown field is an error that names what is near.",
    ]
    for title, where, model in MODELS:
        parts += ["", f"## {title}", "", where, "", "| field | default | what it says |", "|---|---|---|"]
        parts += [
            f"| `{name}` | {f'`{default}`' if default else ''} | {_cell(text)} |"
            for name, default, text in fields(model)
        ]
    return "\n".join(parts) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.replace("``", "`").replace("|", "\\|").split())


def commands(group: click.Group, path: str) -> Iterator[tuple[str, click.Command]]:
    """Yield every command below a group with its full name."""
    for name in sorted(group.commands):
        command = group.commands[name]
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


def commands_page() -> str:
    """Return the reference of `pforge-lab`, which is that of `%pforge` too."""
    parts = [
        "# Commands",
        "",
        "What follows `pforge-lab` in a shell follows `%pforge` in a cell, where a command returns its object.",
        "",
        " ".join(EPILOG.split()),
    ]
    for name, command in commands(cli, "pforge-lab"):
        with click.Context(command, info_name=name) as context:
            parts += [
                "",
                f"## {name.removeprefix('pforge-lab ')}",
                "",
                "```text",
                command.get_help(context),
                "```",
            ]
    return "\n".join(parts) + "\n"


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
