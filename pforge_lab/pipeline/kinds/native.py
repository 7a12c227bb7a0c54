"""Tools that are Python functions, sync or async."""

from __future__ import annotations

import inspect
from functools import partial
from types import CoroutineType, FunctionType
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, StrictStr

from pforge_lab.errors import Fault, ParamError
from pforge_lab.pipeline import resources
from pforge_lab.pipeline.coroutines import awaited
from pforge_lab.pipeline.fingerprints import code_fingerprint
from pforge_lab.pipeline.models import Model
from pforge_lab.pipeline.params import Param, check_values
from pforge_lab.pipeline.signatures import Signature, signature_of
from pforge_lab.pipeline.threads import interruptible, within

from .definition import Definition

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pforge_lab.pipeline.calls import Box, Call
    from pforge_lab.pipeline.functions import Function, Source
    from pforge_lab.pipeline.policies import Retry


class Handler(Model):
    """Where the function is: ``module:function``, or pforge's ``module::function``."""

    path: StrictStr = Field(min_length=1)
    inline: StrictStr | None = None


class NativeDefinition(Definition):
    """A Python function as a tool of a file.

    Attributes
    ----------
    handler
        A mapping whose ``path`` is ``module:function``, or pforge's ``module::function``, found beside the file first.
    """

    type: Literal["native"] = "native"
    handler: Handler

    def tool(self, box: Box) -> NativeTool:
        """Return what calls the function."""
        source = box.handler(self.name, self.handler.path)
        return NativeTool(self.name, source, params=self.params, retry=self.retry, timeout=self.timeout)


class NativeTool:
    """Calls the function that a source gives at that moment.

    Parameters
    ----------
    name
        The tool's name.
    source
        Where to look the function up.
    params
        Declared params; without them the function's signature decides: names, and the types of annotations.
    """

    __slots__ = ("_last", "_told", "name", "params", "retry", "source", "timeout")

    def __init__(
        self, name: str, source: Source, *, params: Mapping[str, Param] | None = None, retry: Retry | None = None,
        timeout: float | None = None,
    ) -> None:  # fmt: skip
        self.name = name
        self.source = source
        self.params = params
        self.retry = retry
        self.timeout = timeout
        self._last: tuple[Function, Signature] | None = None
        self._told: tuple[object, object, object, str] | None = None  # code, defaults, and their fingerprint

    def call(self, arguments: Mapping[str, Any], call: Call) -> Any:
        """Return what the function returns, a coroutine's result included."""
        function = self.source.function()
        if self._last is None or self._last[0] is not function:
            self._last = (function, signature_of(function))
        signature = self._last[1]
        given = dict(arguments)
        if self.params is not None:
            given = check_values(self.params, given, repr(self.name), fill=False)
        if not (
            signature.required <= given.keys() and (signature.open or given.keys() <= signature.accepted)
        ):
            signature.check(given, repr(self.name))
        if self.params is None and signature.kinds:
            signature.check_kinds(given, self.name)
        if signature.resources:
            self._hand_out(signature, given, call)
        positional = signature.positional and [
            given.pop(name) for name in signature.positional if name in given
        ]
        if call.timeout is not None or call.stop is not None or signature.is_async:
            return self._stoppable(partial(function, *positional, **given), call, is_async=signature.is_async)
        result = function(*positional, **given)
        return self._finished(result, call) if type(result) is CoroutineType else result

    def _stoppable(self, bound: Function, call: Call, *, is_async: bool) -> Any:
        """Call a function that may be stopped, may take too long, or returns a coroutine."""
        if is_async:
            return awaited(bound(), call, self.name)
        if call.timeout is None:
            return self._finished(interruptible(bound, call.stop), call)
        ended, result = within(call.timeout, bound, call.stop, self.name)
        if not ended:
            raise call.overrun(self.name, "was abandoned on its thread", abandoned=True)
        return self._finished(result, call)

    def fingerprint(self) -> str | None:
        """Return the hash of the function's code as it is now; computed once while that is the same."""
        function = self.source.function()
        if type(function) is not FunctionType or function.__closure__ is not None:
            return code_fingerprint(function)
        code, defaults, named = function.__code__, function.__defaults__, function.__kwdefaults__
        known = self._told
        if known is None or known[0] is not code or known[1] is not defaults or known[2] is not named:
            self._told = known = (code, defaults, named, code_fingerprint(function))
        return known[3]

    def _finished(self, result: Any, call: Call) -> Any:
        """Wait for a coroutine that a plain function (a partial, a decorated one) returned."""
        return awaited(result, call, self.name) if isinstance(result, CoroutineType) else result

    def _hand_out(self, signature: Signature, given: dict[str, Any], call: Call) -> None:
        for name, annotation, optional in signature.resources:
            kind = resources.find(annotation, call.resources)
            if kind is not None:
                given[name] = call.resources[kind]
            elif not optional:
                wanted = getattr(annotation, "__name__", None) or getattr(
                    annotation, "__forward_arg__", annotation
                )
                raise ParamError.of(
                    [Fault(f"{self.name!r} needs a {wanted}, and this run has none to hand out", field=name)],
                )


def described(function: Function) -> str | None:
    """Return the first line of a function's docstring."""
    text = inspect.getdoc(function)
    return text.strip().splitlines()[0] if text and text.strip() else None
