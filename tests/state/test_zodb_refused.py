"""Files and folders that are no store of ours are refused, and left alone."""

from __future__ import annotations

import os

import pytest

from pforge_lab.errors import (
    StateCorrupt,
    StateError,
)
from pforge_lab.state import open_state


def test_a_folder_is_no_store(tmp_path):
    folder = tmp_path / "folder.fs"
    folder.mkdir()
    with pytest.raises(StateError, match="is a folder"):
        open_state(folder)


def test_a_database_of_somebody_else_is_refused_and_left_alone(path):
    from ZODB import DB

    database = DB(str(path))
    with database.transaction() as connection:
        connection.root.theirs = 1
    database.close()
    before = path.read_bytes()
    with pytest.raises(StateCorrupt, match=r"lab\.fs"):
        open_state(path)
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_refused_and_left_alone(path):
    path.write_bytes(b"something else entirely")
    with pytest.raises(StateCorrupt, match="is no ZODB file"):
        open_state(path)
    with pytest.raises(StateCorrupt, match="is no ZODB file"):
        open_state(path, mode="r")
    assert path.read_bytes() == b"something else entirely"


class Attack:
    """Runs a command when it is unpickled."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.system, (f"touch {self.marker}",)


@pytest.mark.parametrize("mode", ["w", "r"])
def test_a_file_that_names_foreign_code_is_not_loaded(path, mode):
    from ZODB import DB

    from pforge_lab.state.zodb.writing import WritingStorage

    database = DB(WritingStorage(path, "zodb:attack"))
    with database.transaction() as connection:
        connection.root()["pforge"] = 1
        connection.root()["keys"] = Attack(path.with_name("marker"))
    database.close()
    with pytest.raises(StateCorrupt, match=r"names posix\.system, which no store of pforge_lab does"):
        open_state(path, mode=mode)
    assert not path.with_name("marker").exists()


def test_a_folder_that_may_not_be_written_says_so(tmp_path):
    place = tmp_path / "file"
    place.write_bytes(b"")
    with pytest.raises(StateError, match="cannot be used"):
        open_state(place / "lab.fs")
