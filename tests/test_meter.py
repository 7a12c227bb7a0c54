"""The meter: true peaks, nesting, threads, fork, refusal, and honest fallbacks."""

from __future__ import annotations

import contextvars
import subprocess
import sys
import threading

import pytest

from pforge_lab import meter
from pforge_lab.errors import UsageError
from tests.measured import fresh

linux = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's mark is Linux's")


def measured(function):
    scope = meter.enter()
    function()
    return meter.exit(scope)


@linux
def test_the_peak_of_freed_arrays_is_exact():
    found = fresh("""
        def work():
            first = np.ones(25_000_000)
            second = np.ones(31_250_000)
            del first, second

        reading = measured(work)
        show(rise=rise(reading), method=reading.method, exact=reading.exact, shared=reading.shared)
    """)
    assert found == {"rise": pytest.approx(450, rel=0.01), "method": "VmHWM", "exact": True, "shared": False}


@linux
def test_a_short_spike_inside_a_long_step_is_never_missed(heavy):
    """30 MB for a few milliseconds within half a second."""
    found = fresh(
        """
        def step():
            busy(0.25)
            touch(30)
            busy(0.25)

        show(rises=[rise(measured(step)) for _ in range(int(sys.argv[1]))])
        """,
        heavy(40),
    )
    assert all(abs(rise - 30) <= 1 for rise in found["rises"]), found


@linux
def test_a_peak_under_the_gil_is_seen():
    """No sampling thread can run while ``sorted`` holds the lock; the truth comes from tracemalloc."""
    code = """
import tracemalloc
from pforge_lab import meter
values = list(range(1_000_000))
def work(): sorted(values, key=str)
scope = meter.enter(); work(); reading = meter.exit(scope)
tracemalloc.start(); work(); truth = tracemalloc.get_traced_memory()[1]
print((reading.peak - reading.before) / truth)
"""
    ratio = float(
        subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout
    )
    assert 0.95 < ratio < 1.15


@linux
def test_arrow_memory_counts_in_the_peak_and_is_named():
    """In a fresh interpreter: the pool of this one may hold freed pages, which would not be resident anew."""
    code = """
import numpy, pyarrow
from pforge_lab import meter
scope = meter.enter()
buffer = pyarrow.allocate_buffer(200_000_000)
numpy.frombuffer(buffer, numpy.uint8)[:] = 1
reading = meter.exit(scope)
print((reading.peak - reading.before) / 200e6, reading.arrow / 200e6)
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    rose, held = map(float, result.stdout.split())
    assert rose == pytest.approx(1, rel=0.05)
    assert held == pytest.approx(1, rel=0.01)


@linux
def test_an_outer_scope_keeps_the_peak_of_an_inner_one():
    found = fresh("""
        outer = meter.enter()
        inner = measured(lambda: touch(100))
        quiet = measured(lambda: None)
        outer = meter.exit(outer)
        readings = inner, quiet, outer
        show(rises=[rise(reading) for reading in readings], shared=[reading.shared for reading in readings])
    """)
    assert found["rises"] == pytest.approx([100, 0, 100], abs=1)
    assert not any(found["shared"])


@linux
def test_scopes_of_two_threads_share_their_peak_and_say_so():
    found = fresh("""
        readings, together = {}, threading.Barrier(2)

        def work(name, megabytes):
            scope = meter.enter()
            together.wait()
            touch(megabytes)
            together.wait()
            readings[name] = meter.exit(scope)

        threads = [threading.Thread(target=work, args=job) for job in (("large", 100), ("small", 1))]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        show(large=readings["large"].shared, small=readings["small"].shared, rise=rise(readings["small"]))
    """)
    assert found["large"]
    assert found["small"]
    assert found["rise"] >= 99


def test_a_worker_thread_is_inside_the_scope_it_works_for():
    outer = meter.enter()
    inner = []
    thread = threading.Thread(target=lambda: inner.append(meter.exit(meter.enter(within=outer))))
    thread.start()
    thread.join()
    assert not inner[0].shared
    assert not meter.exit(outer).shared


def test_a_copied_context_is_inside_too():
    outer = meter.enter()
    inner = []
    context = contextvars.copy_context()
    thread = threading.Thread(target=context.run, args=(lambda: inner.append(measured(lambda: None)),))
    thread.start()
    thread.join()
    assert not inner[0].shared
    assert not meter.exit(outer).shared


def test_a_scope_that_outlives_the_one_around_it_shares():
    outer = meter.enter()
    inner = meter.enter()
    assert meter.exit(outer).shared
    assert meter.exit(inner).shared


def test_a_scope_can_be_closed_once():
    scope = meter.enter()
    meter.exit(scope)
    with pytest.raises(UsageError, match="closed already: call exit once"):
        meter.exit(scope)


def test_a_measurement_is_read_after_its_block():
    with meter.measure() as measurement, pytest.raises(UsageError, match="after the with block"):
        measurement.reading  # noqa: B018 - raises
    assert measurement.reading.peak >= measurement.reading.after


@linux
def test_a_forked_child_measures_itself():
    """In a fresh interpreter, because forking a test process with threads is a risk of its own."""
    code = """
import os
from pforge_lab import meter
scope = meter.enter()
def touch(n):
    block = bytearray(n); del block
pid = os.fork()
if pid == 0:
    inner = meter.enter(); touch(50_000_000); reading = meter.exit(inner)
    outer = meter.exit(scope)
    fine = 49e6 < reading.peak - reading.before < 52e6 and outer.peak >= reading.peak and not outer.shared
    os._exit(0 if fine else 1)
status = os.waitpid(pid, 0)[1]
reading = meter.exit(scope)
print(status, reading.peak - reading.before < 10_000_000)
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert result.stdout.split() == ["0", "True"]


@linux
def test_descriptors_closed_by_a_step_never_write_to_a_users_file(tmp_path):
    """A daemonising step closes everything; the numbers may then be the user's files."""
    code = """
import os, sys
from pforge_lab import meter
meter.exit(meter.enter())
scope = meter.enter()
os.closerange(3, 64)
files = [os.open(os.path.join(sys.argv[1], str(n)), os.O_RDWR | os.O_CREAT) for n in range(60)]
lost = meter.exit(scope)
scope = meter.enter(); block = bytearray(50_000_000); del block; found = meter.exit(scope)
print(lost.exact, found.exact, 49e6 < found.peak - found.before < 52e6)
print(sum(os.fstat(file).st_size for file in files))
"""
    command = [sys.executable, "-c", code, str(tmp_path)]
    result = subprocess.run(command, capture_output=True, check=True, text=True)
    assert result.stdout.split() == ["False", "True", "True", "0"]
