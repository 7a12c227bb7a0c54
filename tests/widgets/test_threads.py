"""Callbacks of widgets in whatever thread a kernel calls them: its main one, or one of its subshells."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections import Counter

import pytest
import transaction
from ZODB.Connection import Connection

import pforge_lab as pf
from pforge_lab.widgets.run_browser import RunBrowser
from pforge_lab.widgets.stepper import Stepper
from pforge_lab.widgets.store_browser import StoreBrowser
from tests.widgets.pressing import PATIENCE, settle

SUBSHELLS = 4
LOOKS = (
    {"look": "steps", "start": 0, "count": 100},
    {"look": "variables", "at": 1, "start": 0, "count": 100},
    {"look": "preview", "at": 1, "name": "numbers"},
    {"look": "diff", "before": 0, "at": 1},
    {"look": "record", "at": 1},
    {"look": "memory"},
    {"look": "flow"},
)


class Watch:
    """Notes who uses a connection of ZODB, and who does while another thread is at it."""

    def __init__(self):
        self.trouble, self.threads = [], set()
        self._users = {}

    def __call__(self, name, method):
        """Return the method, watched."""

        def watched(connection, *args, **options):
            me, before = threading.get_ident(), self._users.get(id(connection))
            if before not in {None, me}:
                self.trouble.append(f"{name} in {me} while {before} is at it")
            if connection.transaction_manager in {transaction.manager, None}:
                self.trouble.append(f"{name} with the transactions of the thread, not its own")
            self.threads.add(me)
            self._users[id(connection)] = me
            try:
                return method(connection, *args, **options)
            finally:
                self._users[id(connection)] = before

        return watched


@pytest.fixture
def connections(monkeypatch):
    """Watch all connections of ZODB, and let threads take turns as often as they can."""
    watch = Watch()
    for name in ("setstate", "register", "newTransaction", "tpc_begin", "commit", "tpc_vote", "tpc_finish"):
        monkeypatch.setattr(Connection, name, watch(name, getattr(Connection, name)))
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield watch
    sys.setswitchinterval(interval)


class Page:
    """What a page would get: the answers of a widget."""

    def __init__(self, widget):
        self.widget, self.answers, self._come = widget, [], threading.Condition()
        widget.send = self._got

    def _got(self, content, buffers=None):
        with self._come:
            self.answers.append(content)
            self._come.notify_all()

    def wait(self, number):
        """Return the answers once there are so many."""
        with self._come:
            assert self._come.wait_for(lambda: len(self.answers) >= number, PATIENCE)
        return self.answers


def from_subshells(*calls):
    """Make the calls, each in every one of some threads."""

    def all_of_them():
        for call in calls:
            call()

    threads = [threading.Thread(target=all_of_them) for _ in range(SUBSHELLS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)


def errors(answers):
    return [answer["error"] for answer in answers if "error" in answer]


@pytest.fixture
def stepper(done):
    """Return the stepper of a run that is done."""
    made = Stepper(done)
    yield made
    made.close()


def test_looks_from_other_threads_while_a_cell_steps_are_answered_each_by_its_own_connection(
    stepper, done, connections
):
    page = Page(stepper)
    looks = [lambda look=look: stepper._received(None, look, []) for look in LOOKS]
    cell = threading.Thread(target=lambda: [(done.back(), done.step()) for _ in range(10)])
    cell.start()
    from_subshells(*looks)
    cell.join(PATIENCE)
    answers = page.wait(SUBSHELLS * len(LOOKS))
    assert errors(answers) == []
    assert Counter(answer["look"] for answer in answers) == {look["look"]: SUBSHELLS for look in LOOKS}
    assert len(connections.threads) >= 2
    assert connections.trouble == []


def test_buttons_pressed_in_other_threads_move_the_run_one_after_the_other(stepper, done, state, connections):
    presses = [
        lambda do=do: stepper._received(None, {"do": do}, []) for do in ("back", "step", "reset", "finish")
    ]
    from_subshells(*presses * 5)
    settle(stepper)
    assert not stepper.busy
    assert stepper.view["position"] == done.position
    assert connections.trouble == []
    done.finish()
    assert done["total"] == 3


def test_browsers_asked_in_other_threads_answer_each_by_its_own_connection(done, failed, state, connections):
    state.set("note", b"1")
    browsers = [
        (RunBrowser(state), {"ask": "page", "start": 0, "count": 10, "containing": "", "status": ""}),
        (
            StoreBrowser(state),
            {"ask": "page", "start": 0, "count": 10, "prefix": "", "containing": "", "own": False},
        ),
    ]
    pages = [Page(browser) for browser, _ in browsers]
    from_subshells(*(lambda b=browser, a=asked: b._received(None, a, []) for browser, asked in browsers))
    for page in pages:
        assert errors(page.wait(SUBSHELLS)) == []
        page.widget.close()
    assert connections.trouble == []


ALL_LOOKS = """
import sys, threading
import pforge_lab as pf
from pforge_lab.widgets.comparison import RunComparison
from pforge_lab.widgets.run_browser import RunBrowser
from pforge_lab.widgets.stepper import Stepper

def numbers(n: int): return list(range(n))
run = pf.Pipeline.from_functions("one", numbers).start({"n": 3}, state="memory:")
stepper, come = Stepper(run), threading.Semaphore(0)
answers = []
def got(content, buffers=None):
    answers.append(content)
    come.release()
stepper.send = got
stepper.act("step")
stepper._moves.submit(lambda: None).result(30)
for look in LOOKS:
    stepper._received(None, look, [])
    assert come.acquire(timeout=30)
assert [answer for answer in answers if "error" in answer] == [], answers
assert "svg" in next(answer["data"] for answer in answers if answer["look"] == "memory")
stepper.forms()
print("matplotlib.figure" in sys.modules, "matplotlib.pyplot" in sys.modules)
"""


def test_no_look_of_a_stepper_imports_pyplot_and_the_chart_is_drawn_all_the_same():
    code = f"LOOKS = {LOOKS!r}\n{ALL_LOOKS}"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.stdout.strip(), done.stderr) == ("True False", "")


def test_where_a_notebook_uses_pyplot_no_look_adds_or_changes_a_figure_of_it(stepper):
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots()
    before, settings = plt.get_fignums(), dict(mpl.rcParams)
    page = Page(stepper)
    from_subshells(*(lambda look=look: stepper._received(None, look, []) for look in LOOKS))
    assert errors(page.wait(SUBSHELLS * len(LOOKS))) == []
    assert (plt.get_fignums(), plt.gcf(), plt.gca()) == (before, figure, axes)
    assert dict(mpl.rcParams) == settings
    assert not axes.has_data()
    plt.close(figure)


def test_a_widget_is_closed_in_another_thread_than_it_was_made_in(done):
    made = Stepper(done)
    from_subshells(made.close)
    done.back()
    assert made.view["position"] == 2
    assert isinstance(pf.open_run(done.id, state=done.state).position, int)
