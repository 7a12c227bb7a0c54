"""What a key, a value and a lifetime may be; every backend refuses the same things with the same words."""

from __future__ import annotations

import math
import numbers
import re
from datetime import timedelta

from pforge_lab.errors import WrongType, WrongValue

MAX_KEY_BYTES = 4096
MAX_INTEGER = 2**63 - 1
MIN_INTEGER = -(2**63)


def check_key(key: object) -> str:
    """Return ``key`` if it can name a value: a non-empty str of at most 4096 bytes of UTF-8.

    Raises
    ------
    WrongType
        If it is no str.
    WrongValue
        If it is empty, too long, or has no UTF-8 form (lone surrogates).

    Examples
    --------
    >>> check_key("run/1")
    'run/1'
    >>> check_key(1)
    Traceback (most recent call last):
    ...
    pforge_lab.errors.WrongType: a key is a str, not int (1); convert it with str()
    """
    if not isinstance(key, str):
        raise WrongType(f"a key is a str, not {_described(key)}; convert it with str()")
    if not key:
        raise WrongValue("a key has at least one character; '' names nothing")
    if len(key) * 4 > MAX_KEY_BYTES or not key.isascii():
        _check_encoded(key)
    return key


def check_prefix(prefix: object) -> str:
    """Return ``prefix`` if it is a str, else raise WrongType; the empty one stands for all keys."""
    if not isinstance(prefix, str):
        raise WrongType(f"a prefix is a str, not {_described(prefix)}; '' stands for all keys")
    return prefix


def check_value(value: object, key: str) -> bytes:
    """Return ``value`` if it is bytes.

    Raises
    ------
    WrongType
        If it is anything else; nothing is converted in silence.

    Examples
    --------
    >>> check_value("text", "k")
    Traceback (most recent call last):
    ...
    pforge_lab.errors.WrongType: the value of 'k' is bytes, not str ('text'); encode it, or use set_json
    """
    if isinstance(value, bytes):
        return bytes(value)
    move = (
        "convert it with bytes()"
        if isinstance(value, bytearray | memoryview)
        else "encode it, or use set_json"
    )
    raise WrongType(f"the value of {key!r} is bytes, not {_described(value)}; {move}", key=key)


def check_seconds(ttl: float | timedelta, *, endless: bool = False) -> float:
    """Return a lifetime in seconds; infinite only where ``endless`` ones make sense.

    Raises
    ------
    WrongType
        If it is neither a number nor a timedelta.
    WrongValue
        If it is negative, infinite or not a number.

    Examples
    --------
    >>> check_seconds(timedelta(minutes=1))
    60.0
    >>> check_seconds(-1)
    Traceback (most recent call last):
    ...
    pforge_lab.errors.WrongValue: a ttl is 0 or more seconds, not -1.0; leave it out for a key that never expires
    """
    if type(ttl) is float:
        seconds = ttl
    elif isinstance(ttl, timedelta):
        seconds = ttl.total_seconds()
    elif isinstance(ttl, bool) or not isinstance(ttl, numbers.Real):
        raise WrongType(f"a ttl is seconds or a timedelta, not {_described(ttl)}")
    else:
        seconds = float(ttl)
    if not (0 <= seconds < math.inf or (endless and seconds == math.inf)):
        raise WrongValue(
            f"a ttl is 0 or more seconds, not {seconds}; leave it out for a key that never expires"
        )
    return seconds


def check_integer(number: object, name: str) -> int:
    """Return ``number`` if it is an int of at most 64 bits, which is what every backend can count in.

    Raises
    ------
    WrongType
        If it is no int.
    WrongValue
        If it does not fit.
    """
    if not isinstance(number, int) or isinstance(number, bool):
        raise WrongType(f"{name} is an int, not {_described(number)}")
    if not MIN_INTEGER <= number <= MAX_INTEGER:
        raise WrongValue(f"{name} is {number}, which does not fit into 64 bits")
    return number


def without_password(url: str) -> str:
    """Return ``url`` as it may be shown.

    Examples
    --------
    >>> without_password("postgresql://ada:secret@db/lab")
    'postgresql://ada:***@db/lab'
    """
    return re.sub(r"(//[^/@:]*):[^/@]*@", r"\1:***@", url)


def _check_encoded(key: str) -> None:
    try:
        size = len(key.encode())
    except UnicodeEncodeError as error:
        raise WrongValue(f"key {key!r} has no UTF-8 form: {error.reason}", key=key) from error
    if size > MAX_KEY_BYTES:
        raise WrongValue(
            f"a key has at most {MAX_KEY_BYTES} bytes of UTF-8, this one has {size}: {key[:40]!r}...", key=key
        )


def _described(thing: object) -> str:
    text = repr(thing)
    return f"{type(thing).__name__} ({text if len(text) <= 40 else text[:37] + '...'})"
