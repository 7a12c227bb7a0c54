"""Which keys expire when, so that the sweep reads those and no others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from BTrees.OOBTree import OOTreeSet

if TYPE_CHECKING:
    from collections.abc import Iterator

_BUCKET_SECONDS = 16


class ExpiryIndex:
    """Keys by the 16 seconds in which they expire; keys that never do are not in it.

    Examples
    --------
    >>> from BTrees.LOBTree import LOBTree
    >>> index = ExpiryIndex(LOBTree())
    >>> index.add("a", 10.0)
    >>> list(index.until(9.0)), list(index.until(20.0))
    (['a'], ['a'])
    >>> index.discard("a", 10.0)
    >>> list(index.until(20.0))
    []
    """

    def __init__(self, buckets: Any) -> None:
        self._buckets = buckets

    def add(self, key: str, expires: float) -> None:
        """Note when ``key`` expires."""
        bucket = _bucket(expires)
        keys = self._buckets.get(bucket)
        if keys is None:
            keys = self._buckets[bucket] = OOTreeSet()
        keys.add(key)

    def discard(self, key: str, expires: float) -> None:
        """Forget that ``key`` expires then."""
        bucket = _bucket(expires)
        keys = self._buckets.get(bucket)
        if keys is not None and key in keys:
            keys.remove(key)
            if not keys:
                del self._buckets[bucket]

    def until(self, now: float) -> Iterator[str]:
        """Yield the keys that may have expired by ``now``, the oldest first; some of the last bucket have not."""
        for bucket in self._buckets.keys(max=_bucket(now)):
            yield from self._buckets[bucket]


def _bucket(moment: float) -> int:
    return int(moment // _BUCKET_SECONDS)
