"""Tools that are requests to HTTP servers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import quote

from pydantic import Field, StrictInt, StrictStr, field_validator, model_validator

from pforge_lab.errors import Fault, ParamError, ToolError, near_misses
from pforge_lab.pipeline.models import Model, describe, inside_validator, read
from pforge_lab.pipeline.requests import Answer, Request, send
from pforge_lab.pipeline.retrying import LONGEST_WAIT

from .arguments import scope_of
from .definition import Definition
from .headers import encodable, header
from .text import Nested, SecretText, concealed

if TYPE_CHECKING:
    from pforge_lab.pipeline.calls import Box, Call

_FINAL: Final = frozenset({501, 505})
"""Statuses that say what the server cannot do at all."""


class Bearer(Model):
    """``Authorization: Bearer TOKEN``."""

    type: Literal["bearer"]
    token: StrictStr


class Basic(Model):
    """``Authorization: Basic ...`` of a name and a password."""

    type: Literal["basic"]
    username: StrictStr
    password: StrictStr


class ApiKey(Model):
    """A key in a header of its own."""

    type: Literal["api_key"]
    key: StrictStr
    header: StrictStr = "X-API-Key"


_AUTHS: Final[dict[str, type[Model]]] = {
    "bearer": Bearer,
    "basic": Basic,
    "api_key": ApiKey,
    "apikey": ApiKey,  # as pforge spells it
}


class HttpDefinition(Definition):
    """A request as a tool of a file.

    Attributes
    ----------
    endpoint
        The URL, with templates; what they give is escaped, except at the very start.
    method
        ``GET`` without one.
    headers
        By name, with templates, and ``${NAME}`` for environment variables. Those with ``${NAME}``, and the one
        of `auth`, are not sent on when the server redirects to another one.
    query
        By name, as `headers`; added to what the endpoint has. A value that is a list is repeated, one that is null is
        left out.
    body
        A text is sent as it is, anything else as JSON; templates and ``${NAME}`` as in `headers`. A redirect to
        another server that would take a body with ``${NAME}`` along is an error.
    auth
        A mapping of ``type`` ``bearer`` with ``token``, ``basic`` with ``username`` and ``password``, or ``api_key``
        with ``key`` and ``header``; ``${NAME}`` in them never reaches records, snapshots, logs or reprs.
    stream_to
        File that takes the body, relative to the pipeline's; the output's ``body`` is its path.
    max_bytes
        Size of a body at most, unless it goes to a file.
    """

    type: Literal["http"] = "http"
    endpoint: StrictStr = Field(min_length=1)
    method: Literal["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD"] = "GET"
    headers: dict[str, Any] = Field(default_factory=dict)
    query: dict[str, Any] = Field(default_factory=dict)
    body: Any = None
    auth: Bearer | Basic | ApiKey | None = None
    stream_to: StrictStr | None = None
    max_bytes: StrictInt = Field(default=100_000_000, ge=1)

    @model_validator(mode="before")
    @classmethod
    def _spellings(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        fields = dict(data)
        if isinstance(fields.get("method"), str):
            fields["method"] = fields["method"].upper()
        return fields

    @field_validator("auth", mode="before")
    @classmethod
    def _read_auth(cls, data: Any) -> Any:
        if data is None or isinstance(data, Bearer | Basic | ApiKey):
            return data
        if not isinstance(data, Mapping):  # not shown: it may be a secret
            raise ValueError("must be a mapping with 'type', which is 'bearer', 'basic' or 'api_key'")  # noqa: TRY004 - pydantic wants a ValueError
        kind = str(data.get("type"))
        if kind not in _AUTHS:
            raise ValueError(f"unknown type {kind!r}{near_misses(kind, _AUTHS)}")
        with inside_validator():
            return read(_AUTHS[kind], {**data, "type": "api_key" if kind == "apikey" else kind})

    @field_validator("endpoint", "headers", "query", "body", "stream_to")
    @classmethod
    def _compiles(cls, value: Any) -> Any:
        with inside_validator():
            Nested(value)
        return value

    def tool(self, box: Box) -> HttpTool:
        """Return what sends the request."""
        return HttpTool(self, box.folder)


class HttpTool:
    """Sends a request; the output has ``status body headers``."""

    def __init__(self, definition: HttpDefinition, folder: Path) -> None:
        self.name = definition.name
        self.retry = definition.retry
        self.timeout = definition.timeout
        self._definition = definition
        self._folder = folder
        self._endpoint = SecretText(definition.endpoint)
        self._parts = {
            name: Nested(getattr(definition, name)) for name in ("headers", "query", "body", "stream_to")
        }
        auth = {} if definition.auth is None else definition.auth.model_dump(exclude={"type"})
        self._auth = {name: SecretText(text) for name, text in auth.items()}
        self._texts = [
            self._endpoint, *self._auth.values(), *(text for part in self._parts.values() for text in part.texts),
        ]  # fmt: skip

    def __repr__(self) -> str:
        return f"<HttpTool {self.name!r}>"

    def call(self, arguments: Mapping[str, Any], call: Call) -> Any:
        """Return the answer: ``status body headers``."""
        arguments = dict(arguments)
        further = self._further(arguments)
        reads = set().union(*(text.reads for text in self._texts))
        scope = scope_of(self.name, self._definition.params, arguments, reads)
        request = self._request(scope, further)
        try:
            answer = send(request, call, self.name)
        except ToolError as error:
            failed = ToolError(concealed(str(error), self._texts), **error.__dict__)
        else:
            return self._output(answer, call)
        raise failed  # not while the other is handled: it would hold it, secrets included

    def _output(self, answer: Answer, call: Call) -> dict[str, Any]:
        if _retried(answer.status) and not call.last:
            raise self._busy(answer)
        return {"status": answer.status, "body": _body(answer), "headers": answer.headers}

    def fingerprint(self) -> str | None:
        """None: the definition says it all."""

    def _busy(self, answer: Answer) -> ToolError:
        asked = answer.retry_after
        told = f"{self.name!r}: the server answered {answer.status}"
        if asked is not None and asked > LONGEST_WAIT:
            told += f" and asks to wait {asked:g} s; a retry waits {LONGEST_WAIT:g} s at most, so run it again then"
        return ToolError(told, tool=self.name, status=answer.status, retry_after=asked)

    def _further(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Take pforge's own ``body`` and ``query`` out of the arguments, where the definition has none."""
        declared = set(self._definition.params or ()) | set().union(*(text.reads for text in self._texts))
        further: dict[str, Any] = {"body": None, "query": {}}
        if "body" in arguments and "body" not in declared and self._definition.body is None:
            further["body"] = arguments.pop("body")
        if "query" in arguments and "query" not in declared:
            further["query"] = arguments.pop("query")
            if not isinstance(further["query"], Mapping):
                raise ParamError.of(
                    [Fault(f"must be a mapping, not {describe(further['query'])}", field="query")]
                )
        return further

    def _request(self, scope: Mapping[str, Any], further: Mapping[str, Any]) -> Request:
        headers = self._parts["headers"].render(scope)
        auth = {
            name: encodable(text.render(scope), f"auth.{name}", self.name)
            for name, text in self._auth.items()
        }
        private = {name for name, text in self._parts["headers"].value.items() if _secret(text)}
        basic = None
        match self._definition.auth:
            case Bearer():
                headers["Authorization"] = f"Bearer {auth['token']}"
            case Basic():
                basic = (auth["username"], auth["password"])
            case ApiKey():
                headers[auth["header"]] = auth["key"]
                private.add(auth["header"])
        body = self._parts["body"].render(scope) if self._definition.body is not None else further["body"]
        query = self._parts["query"].render(scope) | dict(further["query"])
        path = self._parts["stream_to"].render(scope)
        return Request(
            method=self._definition.method,
            url=self._url(scope),
            headers={name: header(value, name, self.name) for name, value in headers.items()},
            query=[pair for name, value in query.items() for pair in _pairs(name, value, self.name)],
            body=_checked(body, self.name),
            basic=basic,
            private=frozenset(name.lower() for name in private),
            private_body=any(text.names for text in self._parts["body"].texts),
            stream_to=None if path is None else self._folder / Path(str(path)).expanduser(),
            max_bytes=self._definition.max_bytes,
        )

    def _url(self, scope: Mapping[str, Any]) -> str:
        """Return the URL; a value cannot add parts to it, except at the very start, where it may be the server."""
        first = True

        def escaped(value: Any) -> str:
            nonlocal first
            whole, first = first and self._definition.endpoint.lstrip().startswith("{{"), False
            text = encodable(value, "endpoint", self.name)
            return text if whole else quote(text, safe="")

        return encodable(self._endpoint.render(scope, escaped), "endpoint", self.name)


def _body(answer: Answer) -> Any:
    return str(answer.file) if answer.file is not None else answer.body


def _retried(status: int) -> bool:
    """Return whether another attempt is made after an answer, if there is one."""
    return status == 429 or (500 <= status <= 599 and status not in _FINAL)


def _secret(text: Any) -> bool:
    return isinstance(text, SecretText) and bool(text.names)


def _pairs(name: str, value: Any, tool: str) -> list[tuple[str, str]]:
    if value is None:
        return []
    if isinstance(value, Mapping):
        raise ParamError.of([Fault("a query value must be text, a number or a list of these", field=name)])
    values = value if isinstance(value, list | tuple) else [value]
    texts = [str(item).lower() if isinstance(item, bool) else str(item) for item in values]
    return [(encodable(name, "query", tool), encodable(text, f"query.{name}", tool)) for text in texts]


def _checked(body: Any, tool: str) -> Any:
    """Refuse bodies that are no JSON, before anything is sent."""
    if isinstance(body, float) and not math.isfinite(body):
        raise ParamError.of([Fault(f"the body of {tool!r} holds {body}, which JSON has no word for")])
    if isinstance(body, Mapping):
        return {encodable(name, "body", tool): _checked(item, tool) for name, item in body.items()}
    if isinstance(body, list | tuple):
        return [_checked(item, tool) for item in body]
    if body is not None and not isinstance(body, bool | int | float | str):
        raise ParamError.of([Fault(f"the body of {tool!r} must be plain data, not {describe(body)}")])
    if isinstance(body, str):
        encodable(body, "body", tool)
    return body
