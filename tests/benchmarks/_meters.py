"""The meters that are compared: each returns a function that measures a step and returns bytes."""

from __future__ import annotations

import threading
import tracemalloc


def pforge_lab():
    """Ours."""
    from pforge_lab import meter

    def measure(step):
        scope = meter.enter()
        kept = step()
        reading = meter.exit(scope)
        del kept
        return reading.peak - reading.before

    return measure


def psutil():
    """Resident memory before and after."""
    import psutil

    process = psutil.Process()

    def measure(step):
        before = process.memory_info().rss
        kept = step()
        after = process.memory_info().rss
        del kept
        return after - before

    return measure


def sampling():
    """Look every 10 ms from a thread, as many profilers do."""
    import psutil

    process = psutil.Process()

    def measure(step):
        before = highest = process.memory_info().rss
        done = threading.Event()

        def sample():
            nonlocal highest
            while not done.wait(0.01):
                highest = max(highest, process.memory_info().rss)

        thread = threading.Thread(target=sample)
        thread.start()
        kept = step()
        done.set()
        thread.join()
        highest = max(highest, process.memory_info().rss)
        del kept
        return highest - before

    return measure


def python_tracemalloc():
    """Every allocation that goes through Python's allocators."""

    def measure(step):
        tracemalloc.start()
        kept = step()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        del kept
        return peak

    return measure


def memray_meter():
    """Every allocation, natively traced."""
    import tempfile
    from pathlib import Path

    import memray

    def measure(step):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "trace"
            with memray.Tracker(file):
                kept = step()
            peak = memray.FileReader(file).metadata.peak_memory
            del kept
            return peak

    return measure


def memory_profiler_meter():
    """Sample this process from another one."""
    import memory_profiler

    def measure(step):
        before = memory_profiler.memory_usage(-1, max_usage=True)
        return (memory_profiler.memory_usage((step,), max_usage=True, interval=0.01) - before) * 2**20

    return measure


def pipefunc_profiler():
    """Resident memory at the start, and then every ten seconds."""
    import os

    import psutil
    from pipefunc._profile import ProfilingStats, ResourceProfiler

    process = psutil.Process()

    def measure(step):
        before, stats = process.memory_info().rss, ProfilingStats()
        with ResourceProfiler(os.getpid(), stats):  # as PipeFunc(..., profile=True) does
            kept = step()
        del kept
        return stats.memory.max - before

    return measure


METERS = {
    "pforge_lab": pforge_lab,
    "psutil before/after": psutil,
    "sampling 10 ms": sampling,
    "tracemalloc": python_tracemalloc,
    "memray": memray_meter,
    "memory_profiler": memory_profiler_meter,
    "pipefunc": pipefunc_profiler,
}

SLOW = ("memray", "memory_profiler", "pipefunc")  # milliseconds a step
