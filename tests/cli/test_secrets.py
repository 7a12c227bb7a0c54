"""A secret of the environment reaches the command that needs it, and nothing that is kept or shown."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import pforge_lab as pf

SECRET = "s3cret-of-the-environment"
MARK = "what-may-be-seen"
PIPELINE = """
name: guarded
params: { mark: string }
tools:
  - type: cli
    name: use
    command: sh
    args: ["-c", "test ${#GUARDED} -eq 25 && echo used $0", "{{ mark }}"]
    env: { GUARDED: "${PFORGE_TEST_SECRET}" }
    params: { mark: string }
  - type: cli
    name: fail
    command: sh
    args: ["-c", "test ${#GUARDED} -eq 25 && exit 3"]
    env: { GUARDED: "${PFORGE_TEST_SECRET}" }
steps:
  - { tool: use, input: { mark: "{{ mark }}" }, output_var: used }
  - { tool: fail, error_policy: continue }
"""


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """Return the folder of a run with a secret, and what the shell was told of it."""
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "guarded.yaml").write_text(PIPELINE)
    environment = os.environ | {"PFORGE_TEST_SECRET": SECRET, "PFORGE_KEY": str(folder / "key")}
    told = []
    for words in (
        ("run", "guarded.yaml", "-p", f"mark={MARK}", "--id", "one"),
        *(("status",), ("vars",), ("show", "used"), ("runs", "--json"), ("export", "one", "one.pfz")),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "pforge_lab", "--state", "lab.fs", *words],
            cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        told.append(done.stdout + done.stderr)
    return folder, "".join(told)


def test_a_secret_of_the_environment_is_shown_nowhere(shown):
    """The command had it; no command line of ours prints it."""
    _, told = shown
    assert f"used {MARK}" in told
    assert SECRET not in told


def test_a_secret_of_the_environment_is_kept_nowhere(shown):
    """Records, snapshots, the definition in the store, and every file beside it: the mark is there, the secret is not."""
    folder, _ = shown
    with pf.open_state(folder / "lab.fs", mode="r") as state:
        kept = b"".join(state.get_many(state.keys()).values())
    files = b"".join(place.read_bytes() for place in folder.rglob("*") if place.is_file())
    assert MARK.encode() in kept
    assert MARK.encode() in files
    assert SECRET.encode() not in kept + files


def test_a_secret_of_the_environment_is_in_no_record(shown, monkeypatch):
    """Records with their logs and errors, variables, and the run as text and HTML."""
    folder, _ = shown
    monkeypatch.setenv("PFORGE_KEY", str(folder / "key"))
    run = pf.open_run("one", state=folder / "lab.fs")
    records = run.history
    told = [
        *map(repr, records),
        repr(run),
        run._repr_html_(),
        repr(dict(run.variables)),
        run.records.to_csv(),
    ]
    told += [f"{record.error} {record.logs}" for record in records]
    assert any(MARK in text for text in told)
    assert not any(SECRET in text for text in told)
