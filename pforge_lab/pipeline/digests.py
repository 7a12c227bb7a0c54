"""Digests of definitions."""

from __future__ import annotations

import hashlib
import json


def hash_of(data: object) -> str:
    """Return a hash of plain data that no process and no hash seed changes."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
