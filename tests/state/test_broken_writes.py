"""A transaction whose write breaks off leaves the file as it was, whatever broke it off."""

from __future__ import annotations

import pytest

import pforge_lab as pf


class Breaking:
    """A file that writes the first half of what it is given, and fails."""

    def __init__(self, file, error):
        self._file, self._error = file, error

    def __getattr__(self, name):
        return getattr(self._file, name)

    def writelines(self, lines):
        """Write half of the lines."""
        whole = b"".join(lines)
        self._file.write(whole[: len(whole) // 2])
        self._file.flush()
        raise self._error


@pytest.mark.parametrize("error", [MemoryError(), KeyboardInterrupt(), OSError(5, "Input/output error")])
def test_a_write_that_broke_off_leaves_nothing_behind(tmp_path, error):
    """Not only what the disk refuses: an interrupt, or no memory, leaves no part of a transaction either."""
    path = tmp_path / "lab.fs"
    state = pf.open_state(path)
    state.set("before", b"1")
    storage = state._storage
    end = storage._pos
    storage._file = Breaking(storage._file, error)
    with pytest.raises(BaseException):  # noqa: B017, PT011 - each is told in its own way
        state.set("broken", bytes(5000))
    assert path.stat().st_size == end
    state.set("after", b"2")
    state.close()
    with pf.open_state(path) as again:
        assert (again.recovery, again.keys()) == (None, ["after", "before"])
