"""Bytes under keys, with expiry, atomic batches and compare-and-set."""

from pforge_lab.state.aio import AsyncState
from pforge_lab.state.base import StateManager
from pforge_lab.state.batch import Batch
from pforge_lab.state.caching import CachedStateManager, CacheStats
from pforge_lab.state.configured import open_configured
from pforge_lab.state.memory import MemoryStateManager
from pforge_lab.state.opening import canonical_url, open_state, register_scheme
from pforge_lab.state.patterns import Counter, RateLimiter, Sessions, cached
from pforge_lab.state.recovery import Recovery, StateRecovered
from pforge_lab.state.stats import StateStats

__all__ = [
    "AsyncState",
    "Batch",
    "CacheStats",
    "CachedStateManager",
    "Counter",
    "MemoryStateManager",
    "RateLimiter",
    "Recovery",
    "Sessions",
    "StateManager",
    "StateRecovered",
    "StateStats",
    "cached",
    "canonical_url",
    "open_configured",
    "open_state",
    "register_scheme",
]
