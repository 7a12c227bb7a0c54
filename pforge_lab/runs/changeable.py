"""What can be changed in place, and what is the same value as long as it is the same object."""

from __future__ import annotations

import types

import numpy as np

_ATOMS = (int, float, complex, bool, str, bytes, type(None))
EXACT = frozenset(_ATOMS)  # without classes that are derived from these
_NEVER = (type, types.BuiltinFunctionType, types.ModuleType)


def is_atom(value: object) -> bool:
    """Return whether a value is a number or a text; one of a class that a user has derived may have attributes.

    Examples
    --------
    >>> class Tagged(str): pass
    >>> is_atom(1.5), is_atom("text"), is_atom(np.float64(1)), is_atom(Tagged("text")), is_atom([])
    (True, True, True, False, False)
    """
    return type(value) in EXACT or (isinstance(value, _ATOMS) and isinstance(value, np.generic))


def is_open(value: object) -> bool:
    """Return whether a value can be changed in place.

    Classes and modules count as code. So does a function, unless it carries something along: what it closes over,
    what was set on it, what its parameters have by default.

    Examples
    --------
    >>> def counted(calls=[]): return calls
    >>> is_open([]), is_open("text"), is_open(len), is_open(counted), is_open(lambda: 1)
    (True, False, False, True, False)
    """
    if isinstance(value, types.FunctionType):
        defaults = (*(value.__defaults__ or ()), *(value.__kwdefaults__ or {}).values())
        return bool(value.__closure__ or value.__dict__) or not all(map(is_atom, defaults))
    return not (is_atom(value) or isinstance(value, _NEVER))
