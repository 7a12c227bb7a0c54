"""The store on a Redis or Valkey server."""

from __future__ import annotations

from pforge_lab.state.redis.manager import RedisStateManager

__all__ = ["RedisStateManager"]
