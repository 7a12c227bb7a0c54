"""The user's key: who wrote a pickle stream, and therefore whether it may run code when opened.

The key is 32 random bytes in a file of mode 0600, as Jupyter signs notebooks. A team shares one
by pointing ``PFORGE_KEY`` at a common file.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from functools import cache, lru_cache
from pathlib import Path

from pforge_lab.errors import PforgeError

KEY_BYTES = 32


def key_path() -> Path:
    """Return where the key lives: ``$PFORGE_KEY``, or ``key`` in the user's data directory."""
    return _key_path(os.environ.get("PFORGE_KEY"))


@cache
def _key_path(named: str | None) -> Path:
    if named:
        return Path(named).expanduser()
    import platformdirs  # noqa: PLC0415 - only needed once, and not at import

    return Path(platformdirs.user_data_dir("pforge_lab", appauthor=False)) / "key"


def signing_key() -> bytes:
    """Return the user's key, made on first use.

    Raises
    ------
    PforgeError
        The key file cannot be read or written, or does not hold a key.
    """
    return _key_named(os.environ.get("PFORGE_KEY"))


@cache
def _key_named(named: str | None) -> bytes:
    return _key_at(_key_path(named))


@cache
def _key_at(path: Path) -> bytes:
    try:
        _create(path)
        key = path.read_bytes()
    except OSError as error:
        raise PforgeError(
            f"the signing key {path} cannot be used ({error.strerror}); "
            "make it readable, or point PFORGE_KEY at another file",
        ) from error
    if len(key) < KEY_BYTES:
        raise PforgeError(
            f"{path} is no signing key (under {KEY_BYTES} bytes); remove it to have a new one made"
        )
    return key


def _create(path: Path) -> None:
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(secrets.token_bytes(KEY_BYTES))
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)  # fails when another process was first, whose key is then used
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def digest(data: bytes | memoryview) -> str:
    """Return the 32-byte BLAKE2b hash of ``data`` in hexadecimal (about 1 GB/s)."""
    return hashlib.blake2b(data, digest_size=32).hexdigest()


def sign(digests: list[str], key: bytes | None = None) -> str:
    """Return the MAC of a list of digests under the user's key: BLAKE2b with a key (RFC 7693).

    An HMAC of SHA-256 is as good and takes five times as long, which each step of a run waits for.

    Parameters
    ----------
    digests
        What `digest` gave for each pickle stream, in order.
    key
        Another key than the user's.

    Examples
    --------
    >>> signature = sign([digest(b"stream")], key=b"k" * 32)
    >>> verify([digest(b"stream")], signature, key=b"k" * 32)
    True
    >>> verify([digest(b"other")], signature, key=b"k" * 32)
    False
    """
    mac = _mac(key or signing_key()).copy()
    mac.update("\n".join(digests).encode())
    return mac.hexdigest()


@lru_cache(maxsize=8)
def _mac(key: bytes) -> hashlib.blake2b:
    if len(key) > hashlib.blake2b.MAX_KEY_SIZE:
        key = hashlib.blake2b(key).digest()  # as an HMAC does with keys that are longer than it takes
    return hashlib.blake2b(key=key, digest_size=32)


def verify(digests: list[str], signature: str, key: bytes | None = None) -> bool:
    """Return whether ``signature`` was made by `sign` over the same digests with the same key."""
    return hmac.compare_digest(sign(digests, key), signature)
