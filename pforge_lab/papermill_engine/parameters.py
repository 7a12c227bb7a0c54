"""What a notebook says of its parameters, in its cell tagged ``parameters``."""

from __future__ import annotations

import ast
import json
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from papermill.exceptions import PapermillException
from papermill.translators import papermill_translators
from papermill.utils import nb_kernel_name, nb_language

from pforge_lab import trust
from pforge_lab.errors import Fault, ParamError, near_misses
from pforge_lab.values.describe import sketch

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pforge_lab.runs.exclusion import Exclusion

_KINDS: dict[str, tuple[type, ...]] = {
    "int": (int,),
    "float": (int, float),
    "str": (str,),
    "bool": (bool,),
    "list": (list, tuple),
    "dict": (dict,),
}


def check_types(nb: Any) -> None:
    """Refuse parameters that are not of the types the notebook declares, before a kernel is started.

    ``month: int = 1`` and ``month = 1  # type: int`` declare one; where there is none anything goes.

    Raises
    ------
    ParamError
        All that is wrong, at once.
    """
    given = nb.metadata.get("papermill", {}).get("parameters", {})
    if given and (faults := type_faults(declared(nb), given)):
        raise ParamError.of(faults)


def declared(nb: Any) -> dict[str, str] | None:
    """Return the parameters of a notebook with their types; None when it has no cell for them, or says nothing."""
    return {parameter.name: parameter.inferred_type_name for parameter in _inspected(nb)} or None


def defaults(nb: Any) -> dict[str, Any]:
    """Return the parameters of a notebook whose values without being given are literals of Python, with these."""
    found = {}
    for parameter in _inspected(nb):
        with suppress(ValueError, SyntaxError):
            found[parameter.name] = ast.literal_eval(parameter.default)
    return found


def concealed(source: str, exclusion: Exclusion, names: Iterable[str]) -> str:
    r"""Return the code that sets parameters with a digest in place of each value that is never kept.

    Where no line is found that sets one, as may be in some language, a digest stands for all of the code. It is
    made with the user's key: it tells whether a value has changed, and nothing of the value.

    Examples
    --------
    >>> from pforge_lab.runs.exclusion import Exclusion
    >>> concealed("# Parameters\nday = 1\ntoken = 's3cret'\n", Exclusion.of(["token"]), ["day", "token"])[:41]
    '# Parameters\nday = 1\ntoken = "(excluded: '
    >>> concealed("# Parameters\nset token to s3cret", Exclusion.of(["token"]), ["token"])[:25]
    '# Parameters\n"(excluded: '
    """
    for name in exclusion.reasons(dict.fromkeys(names)):
        line = re.compile(rf"^(\W*(?:\w+\s+)?{re.escape(name)}\b[^=\n]*=)(.*)$", re.MULTILINE)
        source, found = line.subn(lambda match: f"{match[1]} {_excluded(match[2])}", source)
        if not found:
            return f"# Parameters\n{_excluded(source)}"
    return source


def _excluded(text: str) -> str:
    return f'"(excluded: {trust.sign([trust.digest(text.encode())])[:16]})"'


def _inspected(nb: Any) -> list[Any]:
    cell = next((cell for cell in nb.cells if "parameters" in cell.metadata.get("tags", [])), None)
    if cell is None:
        return []
    try:
        return list(papermill_translators.find_translator(nb_kernel_name(nb), nb_language(nb)).inspect(cell))
    except (PapermillException, ValueError, NotImplementedError):  # papermill cannot read the language
        return []


def read_as(kind: str, text: str) -> Any:
    """Return the value that a text of a command line stands for: of a declared type, else as papermill's ``-p`` reads it.

    Examples
    --------
    >>> read_as("str", "007"), read_as("float", "2"), read_as("list", "[1, 2]"), read_as("None", "2")
    ('007', 2.0, [1, 2], 2)
    """
    kind = kind.partition("[")[0].lower()
    if kind == "str":
        return text
    if kind in {"list", "dict"}:
        with suppress(ValueError):
            return json.loads(text)
    value = as_papermill_reads(text)
    return float(value) if kind == "float" and type(value) is int else value


def as_papermill_reads(text: str) -> Any:
    """Return the value that a text of ``-p`` stands for, as papermill's own ``-p`` takes it.

    Examples
    --------
    >>> [as_papermill_reads(text) for text in ("2", "0.5", "True", "None", "2013-01-01")]
    [2, 0.5, True, None, '2013-01-01']
    """
    names: dict[str, Any] = {"True": True, "False": False, "None": None}
    if text in names:
        return names[text]
    for convert in (int, float):
        with suppress(ValueError):
            return convert(text)
    return text


def type_faults(known: Mapping[str, str] | None, given: Mapping[str, Any]) -> list[Fault]:
    """Return what is wrong with the types of values.

    Examples
    --------
    >>> [fault.message for fault in type_faults({"month": "int"}, {"month": "two", "other": 1})]
    ["it is 'two', and the notebook asks for int"]
    """
    faults = []
    for name, value in given.items():
        kind = (known or {}).get(name, "").partition("[")[0]
        kinds = _KINDS.get(kind.lower())
        if kinds is None or value is None:
            continue
        if not isinstance(value, kinds) or (isinstance(value, bool) and kind != "bool"):
            text = "; on papermill's command line -r gives text as it is" if kind == "str" else ""
            faults.append(Fault(f"it is {sketch(value)}, and the notebook asks for {kind}{text}", field=name))
    return faults


def name_faults(known: Mapping[str, str], given: Mapping[str, Any]) -> list[Fault]:
    """Return the parameters that a notebook does not have.

    Examples
    --------
    >>> [fault.message for fault in name_faults({"month": "int"}, {"moth": 1})]
    ["the notebook has no such parameter, did you mean 'month'?"]
    """
    return [
        Fault(f"the notebook has no such parameter{near_misses(name, known)}", field=name)
        for name in given
        if name not in known
    ]
