"""The meter and the process: lifetime peaks, gauges of other platforms, limits, what the allocator holds."""

from __future__ import annotations

import sys
import threading
import time

import pytest

from pforge_lab import meter
from pforge_lab.meter.portable import LifetimeMark, portable_gauge
from pforge_lab.meter.scopes import Meter
from tests.measured import fresh

linux = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's mark is Linux's")


MB = 10**6


def busy(seconds):
    """Compute for a while."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        sum(range(100))


@linux
def test_lifetime_peak_survives_resets():
    """Resetting the mark lowers ru_maxrss; the meter and its readings remember."""
    found = fresh("""
        import resource
        peak = measured(lambda: touch(300)).peak
        quiet = measured(lambda: None)
        show(peak=peak, lifetime=meter.lifetime_peak(), told=quiet.lifetime)
    """)
    assert found["lifetime"] >= found["told"] >= found["peak"]


@linux
def test_a_peak_between_two_scopes_counts_for_the_lifetime():
    found = fresh("""
        before = measured(lambda: None)
        touch(200)
        after = measured(lambda: None)
        show(rise=(after.lifetime - before.after) / MB, within=rise(after))
    """)
    assert found["rise"] >= 199
    assert found["within"] < 2


@linux
def test_a_reading_of_a_long_scope_tells_what_the_heap_holds():
    """Not that of a short one: asking would take longer than the scope."""
    found = fresh("""
        kept = []
        short = measured(lambda: None)
        before = measured(lambda: busy(0.1)).allocated
        long = measured(lambda: (busy(0.1), kept.append(np.ones(10_000_000))))
        show(short=short.allocated, grown=(long.allocated - before) / MB)
    """)
    assert found == {"short": None, "grown": pytest.approx(80, rel=0.01)}


def test_the_portable_gauge_is_exact_only_when_the_lifetime_peak_rose():
    resident, lifetime = 100 * MB, 900 * MB
    gauge = LifetimeMark(lambda: resident, lambda: lifetime, "ru_maxrss")
    fallback = Meter(gauge)
    scope = fallback.enter()
    reading = fallback.exit(scope)
    assert reading.method == "ru_maxrss or samples of 10 ms"
    assert (reading.peak, reading.exact) == (100 * MB, False)

    scope = fallback.enter()
    lifetime = 950 * MB
    reading = fallback.exit(scope)
    assert (reading.peak, reading.exact) == (950 * MB, True)


def test_a_rise_of_the_lifetime_peak_makes_the_outer_scope_exact_too():
    lifetime = 900 * MB
    fallback = Meter(LifetimeMark(lambda: 100 * MB, lambda: lifetime, "ru_maxrss"))
    outer = fallback.enter()
    inner = fallback.enter()
    lifetime = 950 * MB
    assert fallback.exit(inner).exact
    assert not fallback.exit(fallback.enter()).exact
    reading = fallback.exit(outer)
    assert (reading.peak, reading.exact) == (950 * MB, True)


def test_the_portable_gauge_samples_while_a_scope_is_open():
    seen = threading.Event()
    values = iter([100 * MB, 100 * MB])

    def resident():
        if threading.current_thread() is not threading.main_thread():
            seen.set()
            return 400 * MB
        return next(values)

    fallback = Meter(LifetimeMark(resident, lambda: 900 * MB, "ru_maxrss"))
    scope = fallback.enter()
    assert seen.wait(10)
    while fallback._gauge._sampled == 0:
        busy(0.001)
    reading = fallback.exit(scope)
    assert (reading.peak, reading.exact) == (400 * MB, False)


def test_the_portable_gauge_of_this_platform_measures():
    fallback = Meter(portable_gauge())
    reading = fallback.exit(fallback.enter())
    assert 10 * MB < reading.before <= reading.peak


@linux
def test_a_refusing_gauge_is_replaced_and_the_reading_says_so(monkeypatch):
    refusing = Meter()
    scope = refusing.enter()
    monkeypatch.setattr("pforge_lab.meter.gauge._exact", lambda: None)

    def refuse():
        raise PermissionError("refused")

    monkeypatch.setattr(refusing._gauge, "look", refuse)
    reading = refusing.exit(scope)
    assert "samples" in reading.method
    assert not reading.exact


@linux
def test_return_freed_memory_lowers_what_is_resident():
    found = fresh("""
        kept = [np.ones(2_500) for _ in range(4_000)]
        del kept[1::2], kept[:-1]
        gc.collect()
        reading = measured(meter.return_freed_memory)
        show(returned=(reading.before - reading.after) / MB)
    """)
    assert found["returned"] > 40


@pytest.mark.parametrize(
    ("groups", "files", "limit"),
    [
        (
            "0::/a/b",
            {"sys/fs/cgroup/a/memory.max": "500000000", "sys/fs/cgroup/a/b/memory.max": "max"},
            500 * MB,
        ),
        ("0::/a", {"sys/fs/cgroup/a/memory.max": "700", "sys/fs/cgroup/memory.max": "600"}, 600),
        ("4:cpu,memory:/x", {"sys/fs/cgroup/memory/memory.limit_in_bytes": "800"}, 800),
        ("4:memory:/x", {"sys/fs/cgroup/memory/x/memory.limit_in_bytes": str(2**63 - 4096)}, None),
        ("0::/", {}, None),
    ],
)
def test_the_lowest_limit_on_the_way_up_counts(tmp_path, groups, files, limit):
    for name, text in {"proc/self/cgroup": groups, **files}.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n")
    assert meter.memory_limit(tmp_path) == limit


def test_no_limit_is_known_where_there_is_no_proc(tmp_path):
    assert meter.memory_limit(tmp_path) is None


@linux
def test_allocator_totals_follow_malloc():
    found = fresh("""
        before = meter.allocators().malloc_used
        block = np.empty(100 * MB, np.uint8)
        show(rise=(meter.allocators().malloc_used - before) / block.nbytes)
    """)
    assert found["rise"] == pytest.approx(1, rel=0.01)
