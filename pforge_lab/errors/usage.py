"""Errors of calls and commands that were used wrongly, and of data nobody vouches for."""

from __future__ import annotations

from pforge_lab.errors.base import PforgeError


class UntrustedData(PforgeError):
    """Data names code beyond the safe list and carries no valid signature. Nothing was executed.

    Examples
    --------
    >>> error = UntrustedData("run r1 names os.system", name="os.system")
    >>> error.name
    'os.system'
    """

    name: str | None = None


class UsageError(PforgeError):
    """A command or a call was used wrongly.

    Examples
    --------
    >>> import pforge_lab as pf
    >>> pf.open_state("mongo://x")
    Traceback (most recent call last):
        ...
    pforge_lab.errors.UsageError: 'mongo://x' is no kind of store known here ...
    """


class WrongType(UsageError, TypeError):
    """An argument is of the wrong type; the message says which type it should be.

    Examples
    --------
    >>> import pforge_lab as pf
    >>> pf.open_state("memory:").set("k", "text")
    Traceback (most recent call last):
        ...
    pforge_lab.errors.WrongType: the value of 'k' is bytes, not str ('text'); encode it, or use set_json
    """

    key: str | None = None


class WrongValue(UsageError, ValueError):
    """An argument is of the right type but out of range; the message says what may be.

    Examples
    --------
    >>> import pforge_lab as pf
    >>> pf.open_state("memory:").set("k", b"", ttl=-1)
    Traceback (most recent call last):
        ...
    pforge_lab.errors.WrongValue: a ttl is 0 or more seconds, not -1.0; ...
    """

    key: str | None = None
