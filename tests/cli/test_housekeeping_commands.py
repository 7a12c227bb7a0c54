"""`pforge-lab delete`, `export` and `import`: what they print, how they end, what they say when they cannot."""

from __future__ import annotations

import pytest

import pforge_lab as pf
from pforge_lab.cli.main import invoke
from pforge_lab.cli.session import Session


@pytest.fixture
def name(ran):
    """Return the id of the run."""
    from pforge_lab.runs.api import summaries

    return summaries()[0].id


def test_delete_says_what_it_removed(ran, name):
    said = ran("delete", name)
    assert (said.code, said.err) == (0, "")
    assert said.out == f"deleted run {name}; removed 0 chunks, kept 0\n"
    assert "No runs" in ran("runs").out


def test_delete_of_an_unknown_run_names_those_there_are(ran, name):
    said = ran("delete", name[:-1])
    assert (said.code, said.out) == (4, "")
    assert (
        said.err == f"pforge-lab: there is no run {name[:-1]!r}, did you mean {name!r}?; give the whole id\n"
    )


def test_delete_in_a_notebook_lets_go_of_the_current_run(ran, name, capsys):
    session = Session(namespace={})
    session.run = pf.open_run(name)
    invoke(["delete", name], session, "%pforge")
    assert session.run is None
    with pytest.raises(pf.RunNotFound, match="there is no current run"):
        invoke(["status"], session, "%pforge")


def test_export_and_import_hand_a_run_on(ran, name, folder):
    said = ran("export", name, "run.pfz")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith(f"wrote run {name} to run.pfz (")
    assert (folder / "run.pfz").is_file()
    assert ran("delete", name).code == 0
    said = ran("import", "run.pfz")
    assert (said.code, said.err) == (0, "")
    assert name in said.out
    assert "✓ done · 3 of 3 steps" in said.out
    assert ran("show", "total").out.split() == ["int", "6"]
    assert f"{name}-2" in ran("import", "run.pfz").out
    assert " mine " in ran("import", "run.pfz", "--id", "mine").out


def test_import_of_a_damaged_file_names_the_member(ran, name, folder):
    ran("export", name, "run.pfz")
    data = bytearray((folder / "run.pfz").read_bytes())
    place = data.index(b'"pipeline"')
    data[place] ^= 1
    (folder / "run.pfz").write_bytes(data)
    said = ran("import", "run.pfz")
    assert (said.code, said.out) == (5, "")
    assert (
        "pforge-lab: run.pfz is damaged or no run that pforge_lab exported: member 'head' cannot be read"
        in said.err
    )
    assert said.err.endswith("have it exported and sent again\n")


def test_import_of_what_is_not_there_is_wrong_use(ran):
    said = ran("import", "missing.pfz")
    assert said.code == 2
    assert "does not exist; see pforge-lab import --help" in said.err


def test_fork_goes_on_with_the_changed_file(ran, name, folder):
    file = folder / "sums.yaml"
    file.write_text(
        file.read_text(encoding="utf-8").replace('limit: "{{ limit }}"', "limit: 5"), encoding="utf-8"
    )
    said = " ".join(ran("status").out.split())
    assert "Pipeline file changed: 'check'; the run goes on as it was started" in said
    said = ran("fork", "--changed")
    assert (said.code, said.err) == (0, "")
    assert "position 2, total" in said.out
    said = ran("finish")
    assert said.code == 1
    assert "ValueError: 6 is over 5" in said.err
    said = ran("--run", name, "fork", "--changed", "--at", "load", "-p", "n=3")
    assert "position 1, edit" in said.out
    assert ran("finish").code == 0


def test_finish_executes_again_what_failed_and_was_passed(pforge, folder):
    file = folder / "sums.yaml"
    text = file.read_text(encoding="utf-8").replace(
        "output_var: check }", "output_var: check, error_policy: continue }"
    )
    file.write_text(text, encoding="utf-8")
    assert "over" in pforge("run", "sums.yaml", "-p", "limit=1").out
    tools = folder / "tools.py"
    tools.write_text(
        tools.read_text(encoding="utf-8").replace("total > limit", "total > 1000"), encoding="utf-8"
    )
    said = pforge("finish", "--retry-failed")
    assert (said.code, said.err) == (0, "")
    assert "✓ done · 3 of 3 steps" in said.out


def test_trust_says_what_it_allows_and_signs_a_run_of_somebody_else(ran, name, folder, monkeypatch):
    """First the names, then with what it was signed; of one's own there is nothing to sign."""
    monkeypatch.setenv("PFORGE_KEY", str(folder / "another key"))
    said = ran("trust", name)
    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines()[:2] == [
        f"run {name}: 4 snapshots signed with another key; nothing beyond the safe list",
        f"signed 4 snapshots with your key {folder / 'another key'}",
    ]
    assert ran("trust", name).out.startswith(f"run {name}: it is yours already\n")


def test_trust_list_signs_nothing(ran, name, folder, monkeypatch):
    """It can be looked at as often as one likes before it is decided."""
    monkeypatch.setenv("PFORGE_KEY", str(folder / "another key"))
    for _ in range(2):
        said = ran("trust", "--list", name)
        assert (said.code, said.err) == (0, "")
        assert "4 snapshots signed with another key" in said.out
        assert "signed 4" not in said.out


def test_trust_of_an_unknown_run_names_those_there_are(ran, name):
    said = ran("trust", "zz")
    assert (said.code, said.out) == (4, "")
    assert name in said.err


def test_config_says_where_runs_and_the_key_are_and_how_to_change_that(pforge, folder, monkeypatch):
    monkeypatch.setenv("PFORGE_KEY", str(folder / "key"))
    said = pforge("config")
    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines() == [
        f"state   {folder / '.pforge' / '*.fs'}  (--state)",
        f"key     {folder / 'key'}  (PFORGE_KEY)",
    ]
    said = pforge("config", "theme=dark")
    assert said.code == 2
    assert "NAME=VALUE is for notebooks" in said.err
