"""What tests of pipelines share."""

from __future__ import annotations

import pytest

from pforge_lab.errors import PforgeError
from pforge_lab.pipeline.engine import execute
from pforge_lab.pipeline.loader import loads
from tests.pipeline.server import serving


class Heard:
    """A listener that keeps what it hears."""

    def __init__(self):
        self.started, self.failed, self.lines = [], [], []

    def attempt_started(self, label, number):
        """Keep it."""
        self.started.append((label, number))

    def attempt_failed(self, label, number, error):
        """Keep it."""
        self.failed.append((label, number, error))

    def output_line(self, label, stream, text):
        """Keep it."""
        self.lines.append((label, stream, text))


@pytest.fixture
def heard():
    return Heard()


@pytest.fixture
def run_all():
    """Return a function that executes a pipeline's steps as a run does, and gives the scope and the outcomes."""

    def run(pipeline, inputs=None, **options):
        scope = pipeline.check_params(inputs or {})
        outcomes, place = [], 0
        while place < len(pipeline.steps) and len(outcomes) < pipeline.max_steps:
            outcome = execute(pipeline, place, scope, **options)
            outcomes.append(outcome)
            if outcome.status == "failed" and pipeline.steps[place].error_policy == "fail_fast":
                break
            scope |= outcome.variables
            place = place + 1 if outcome.next_step is None else outcome.next_step
        return scope, outcomes

    return run


@pytest.fixture
def message_of():
    """Return a function that gives the message of the error that a call raises."""

    def message(kind, function, *args, **kwargs):
        with pytest.raises(PforgeError) as caught:
            function(*args, **kwargs)
        assert isinstance(caught.value, kind), caught.value
        return str(caught.value)

    return message


@pytest.fixture
def one_step():
    """Return a function that executes the only step of a pipeline written in YAML."""

    def run(text, scope=None, folder=None, **options):
        return execute(loads(text, name="test", base_dir=folder), 0, scope or {}, **options)

    return run


@pytest.fixture
def server():
    """Return a real server, which ends with the test."""
    with serving() as server:
        yield server


@pytest.fixture
def other():
    """Return a second server."""
    with serving() as server:
        yield server
