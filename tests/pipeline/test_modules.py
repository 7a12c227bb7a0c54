"""Modules beside a pipeline's file: found without ``sys.path``, apart from each other, fresh at each step."""

from __future__ import annotations

import importlib
import os
import pickle
import subprocess
import sys

import pytest

from pforge_lab.pipeline.engine import execute
from pforge_lab.pipeline.loader import load_pipeline
from tests.pipeline.outcomes import output

PIPELINE = 'steps:\n  - { tool: "tools:make", input: { x: 3 }, output_var: y }\n'


def written(folder, source, name="tools.py"):
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    before = file.stat().st_mtime_ns if file.exists() else 0
    file.write_text(source)
    if file.stat().st_mtime_ns == before:
        os.utime(file, ns=(before + 1, before + 1))
    return folder


@pytest.fixture
def folder(tmp_path):
    written(tmp_path / "one", "def make(x): return x + 1\n")
    (tmp_path / "one" / "p.yaml").write_text(PIPELINE)
    return tmp_path / "one"


def test_a_module_beside_the_file(folder):
    """It is found without ``sys.path``, which stays as it was."""
    path = list(sys.path)
    assert output(load_pipeline(folder / "p.yaml")) == 4
    assert sys.path == path
    assert "tools" not in sys.modules


def test_an_edit_of_the_module_takes_effect_at_the_next_step(folder):
    """Even within the same second and of the same length."""
    pipeline = load_pipeline(folder / "p.yaml")
    fingerprints = []
    for k in range(1, 5):
        written(folder, f"def make(x): return x + {k}\n")
        assert output(pipeline) == 3 + k
        fingerprints.append(pipeline.fingerprint(0))
    assert len(set(fingerprints)) == 4


def test_modules_of_one_name_stay_apart(folder, tmp_path):
    """Two folders, two modules, also for what they import beside them."""
    for name, value in (("one", 10), ("two", 20)):
        written(
            tmp_path / name,
            "import helpers\nfrom helpers import VALUE\ndef make(x): return (helpers.VALUE, VALUE)\n",
        )
        written(tmp_path / name, f"VALUE = {value}\n", "helpers.py")
        (tmp_path / name / "p.yaml").write_text(PIPELINE)
    one, two = (load_pipeline(tmp_path / name / "p.yaml") for name in ("one", "two"))
    assert [output(one), output(two), output(one)] == [(10, 10), (20, 20), (10, 10)]
    assert "helpers" not in sys.modules


def test_an_edit_of_a_module_beside_takes_effect(folder):
    """What the tools import is fresh as well."""
    written(folder, "from helpers import VALUE\ndef make(x): return VALUE\n")
    written(folder, "VALUE = 1\n", "helpers.py")
    pipeline = load_pipeline(folder / "p.yaml")
    assert output(pipeline) == 1
    written(folder, "VALUE = 2\n", "helpers.py")
    assert output(pipeline) == 2


def test_imports_inside_functions_look_beside_the_module(folder):
    """Late imports find their neighbours too, and the standard library is what it was."""
    written(
        folder,
        "def make(x):\n    import json, helpers, os.path\n    return json.dumps(helpers.VALUE), os.path.sep\n",
    )
    written(folder, "VALUE = 1\n", "helpers.py")
    assert output(load_pipeline(folder / "p.yaml")) == ("1", os.sep)


def test_packages_and_nested_names(folder):
    """``package.module:Class.method`` and pforge's ``::``."""
    written(folder / "pack", "from . import inner\n", "__init__.py")
    written(folder / "pack", "class Maker:\n    @staticmethod\n    def make(x): return [x]\n", "inner.py")
    for reference in ("pack.inner:Maker.make", "pack::inner::Maker.make"):
        (folder / "p.yaml").write_text(PIPELINE.replace("tools:make", reference))
        assert output(load_pipeline(folder / "p.yaml")) == [3]


def test_a_file_named_like_the_standard_library_does_no_harm(folder):
    """``statistics.py`` beside the pipeline is the pipeline's; everybody else keeps theirs."""
    written(folder, "def make(x): return 'ours'\n", "statistics.py")
    (folder / "p.yaml").write_text(PIPELINE.replace("tools:make", "statistics:make"))
    assert output(load_pipeline(folder / "p.yaml")) == "ours"
    import statistics

    assert statistics.mean([1, 3]) == 2


def test_instances_of_classes_beside_the_file_can_be_pickled(folder):
    """Also in a process that has only registered the folder."""
    written(folder, "class Thing:\n    def __init__(self, x): self.x = x\ndef make(x): return Thing(x)\n")
    data = pickle.dumps(output(load_pipeline(folder / "p.yaml")))
    code = (
        "import pickle, sys; from pathlib import Path\n"
        "from pforge_lab.pipeline.modules import register_folder\n"
        f"register_folder(Path({str(folder)!r}))\n"
        "print(pickle.loads(sys.stdin.buffer.read()).x)"
    )
    done = subprocess.run([sys.executable, "-c", code], input=data, capture_output=True, check=True)
    assert done.stdout.strip() == b"3"


def test_a_module_that_was_imported_as_usual_is_that_very_module(folder, monkeypatch):
    """A notebook beside the file and the pipeline share it; reloading takes effect."""
    name = "tools_imported_as_usual"
    monkeypatch.syspath_prepend(str(folder))
    written(folder, "def make(x): return x\n", f"{name}.py")
    (folder / "p.yaml").write_text(PIPELINE.replace("tools:", f"{name}:"))
    pipeline = load_pipeline(folder / "p.yaml")
    module = importlib.import_module(name)
    assert output(pipeline) == 3
    module.make = lambda x: "patched"
    assert output(pipeline) == "patched"
    written(folder, "def make(x): return 'edited'\n", f"{name}.py")
    assert output(pipeline) == "edited"
    assert importlib.import_module(name) is module


@pytest.mark.parametrize(
    ("reference", "told"),
    [
        ("tool:make", "no module 'tool' in"),
        ("tool:make", "did you mean 'tools'?"),
        (
            "tools:makes",
            "'makes' does not exist in module 'tools', did you mean 'make'?",
        ),
        ("tools:VALUE", "'VALUE' is no function in module 'tools'"),
        ("broken:make", "No module named 'zz_not_there'"),
    ],
)
def test_references_that_lead_nowhere(folder, reference, told):
    """The next move is named; an error inside the module is told as it is."""
    written(folder, "VALUE = 1\ndef make(x): return x\n")
    written(folder, "import zz_not_there\n", "broken.py")
    (folder / "p.yaml").write_text(PIPELINE.replace("tools:make", reference))
    outcome = execute(load_pipeline(folder / "p.yaml"), 0, {})
    assert told in str(outcome.error)
