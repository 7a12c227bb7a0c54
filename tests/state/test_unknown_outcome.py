"""A commit that fails when all have agreed to it may be stored: it is not tried again, and the error says so."""

from __future__ import annotations

import threading

import pytest

from pforge_lab.errors import StateError
from pforge_lab.state import open_state


class Dies:
    """Joins a transaction and fails when it is finished, as a server does that dies at that moment."""

    def sortKey(self):  # noqa: N802 - the protocol's
        """Return what sorts before others."""
        return "a"

    def abort(self, transaction):
        """Undo nothing."""

    tpc_begin = commit = tpc_abort = tpc_vote = abort

    def tpc_finish(self, transaction):
        """Fail."""
        raise RuntimeError("the server went away")


def test_it_is_said_and_counted_once(tmp_path):
    with open_state(tmp_path / "lab.fs") as state:
        state.increment("n")
        worked = []

        def work(overlay):
            worked.append(1)
            state._writer._view.manager.get().join(Dies())

        with pytest.raises(StateError, match=r"server went away.*not known whether this was stored"):
            state._writer.run(work)
        assert worked == [1]
        assert state.increment("n") == 2


def test_all_of_a_group_are_told_and_none_is_tried_again(tmp_path):
    with open_state(tmp_path / "lab.fs") as state:
        begun, go, worked, raised = threading.Event(), threading.Event(), [], []

        def first(overlay):
            begun.set()
            go.wait(30)

        def dies(overlay):
            worked.append(1)
            state._writer._view.manager.get().join(Dies())

        def counted(overlay):
            worked.append(2)

        def call(work):
            try:
                state._writer.run(work)
            except StateError as error:
                raised.append(str(error))

        leader = threading.Thread(target=call, args=(first,))
        leader.start()
        assert begun.wait(30)
        others = [threading.Thread(target=call, args=(work,)) for work in (dies, counted)]
        for thread in others:
            thread.start()
        while len(state._writer._queue._waiting) < 2:
            threading.Event().wait(0.001)
        go.set()
        for thread in (leader, *others):
            thread.join(30)
        assert sorted(worked) == [1, 2]
        assert len(raised) == 2
