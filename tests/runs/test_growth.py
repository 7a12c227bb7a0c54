"""What a step adds to a store does not grow with the steps before it."""

from __future__ import annotations

from statistics import mean

from tests.benchmarks.growth import kept


def test_a_step_that_changes_as_much_adds_as_many_bytes_however_many_came_before(tmp_path, heavy):
    """Steps 1 to 2,000 in make test-full; manifests are written in full every 17th."""
    steps = heavy(2000)
    _, sizes = kept(tmp_path, steps)
    early, late = mean(sizes[17 : 17 * 3]), mean(sizes[-17 * 2 :])
    assert early > 256_000
    assert late < 1.05 * early
