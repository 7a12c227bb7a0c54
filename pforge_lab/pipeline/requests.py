"""HTTP requests: what is sent, to whom, and what is answered."""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final, NoReturn

from pforge_lab.errors import ToolError

from .clients import client, unlogged
from .coroutines import awaited

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import httpx

    from .calls import Call

_LAST_PORT: Final = 65_535


@dataclass(frozen=True, slots=True)
class Request:
    """A request, ready to be sent. Not shown: it carries secrets.

    Attributes
    ----------
    private
        Names of headers that are for the server of the URL alone.
    private_body
        Whether the body is, too.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    query: list[tuple[str, str]] = field(repr=False)
    body: Any = field(repr=False)
    basic: tuple[str, str] | None = field(repr=False)
    private: frozenset[str]
    private_body: bool
    stream_to: Path | None
    max_bytes: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server answered.

    Attributes
    ----------
    body
        JSON as its value, text as text, anything else as bytes; None when it went to a file.
    retry_after
        Seconds that the server asks to wait, or None.
    """

    status: int
    headers: dict[str, str]
    body: Any
    file: Path | None
    retry_after: float | None


def send(request: Request, call: Call, tool: str) -> Answer:
    """Send a request and return the answer, of whatever status.

    Raises
    ------
    ToolError
        The server cannot be reached, the URL is none, or the body is too large.
    StepTimeout
        It took longer than ``call.timeout``.
    """
    return awaited(_exchange(request, tool), call, tool)


async def _exchange(request: Request, tool: str) -> Answer:
    import httpx  # noqa: PLC0415 -- loaded when a request is sent

    url = _url(request, tool)
    try:
        with unlogged():
            async with (await client()).stream(
                request.method, url, headers=dict(request.headers), auth=request.basic,
                extensions={"pforge_lab": _Guard(request, url, tool)}, **_content(request.body),
            ) as response:  # fmt: skip
                return await _answer(response, request, tool)
    except httpx.UnsupportedProtocol as error:
        raise _no_url(request, tool, str(error)) from None
    except (httpx.HTTPError, UnicodeError) as error:  # the latter where it redirects to a name that is none
        reason = str(error) or type(error).__name__
        raise ToolError(f"{tool!r}: {request.method} {request.url} failed: {reason}", tool=tool) from None
    except OSError as error:
        raise ToolError(
            f"{tool!r}: cannot write {str(request.stream_to)!r}: {error.strerror}", tool=tool
        ) from None


def _url(request: Request, tool: str) -> httpx.URL:
    import httpx  # noqa: PLC0415 -- loaded when a request is sent

    try:
        url = httpx.URL(request.url)
        url.host  # noqa: B018 -- a name that is none is found when it is read
    except (httpx.InvalidURL, UnicodeError) as error:
        raise _no_url(request, tool, str(error)) from None
    if not _has_port(url):
        raise _no_url(request, tool, f"there is no port {url.port}")
    if not request.query:
        return url
    return url.copy_with(params=httpx.QueryParams([*url.params.multi_items(), *request.query]))


def _has_port(url: httpx.URL) -> bool:
    return url.port is None or url.port <= _LAST_PORT


def _no_url(request: Request, tool: str, why: str) -> ToolError:
    return ToolError(f"{tool!r}: the endpoint {request.url!r} is no URL: {why}", tool=tool, final=True)


class _Guard:
    """Looks at what is sent, redirects included: what is private does not go to another server.

    The same host is another server on another port or scheme, except from http to https.
    """

    def __init__(self, request: Request, home: httpx.URL, tool: str) -> None:
        self._request = request
        self._home = home
        self._tool = tool

    def __call__(self, sent: httpx.Request) -> None:
        url = sent.url
        if not _has_port(url):
            self._refuse(sent, f"there is no port {url.port}")
        if self._is_home(url):
            return
        for name in self._request.private & sent.headers.keys():
            del sent.headers[name]
        if self._request.private_body and "content-length" in sent.headers:
            self._refuse(sent, "the server redirects to another one, and the body has a secret")

    def _is_home(self, url: httpx.URL) -> bool:
        home = self._home
        if (url.scheme, url.host, url.port) == (home.scheme, home.host, home.port):
            return True
        upgraded = (home.scheme, url.scheme) == ("http", "https") and home.port is url.port is None
        return upgraded and home.host == url.host

    def _refuse(self, sent: httpx.Request, why: str) -> NoReturn:
        where = f"{sent.url.scheme}://{sent.url.netloc.decode()}"
        raise ToolError(f"{self._tool!r}: nothing is sent to {where}: {why}", tool=self._tool, final=True)


async def _answer(response: httpx.Response, request: Request, tool: str) -> Answer:
    file = request.stream_to
    body = await (_into_file(response, file) if file is not None else _read(response, request, tool))
    wait = retry_after(response.headers.get("retry-after"))
    return Answer(response.status_code, dict(response.headers), body, file, wait)


def _content(body: Any) -> dict[str, Any]:
    if body is None:
        return {}
    return {"content": body} if isinstance(body, str) else {"json": body}


async def _read(response: httpx.Response, request: Request, tool: str) -> Any:
    parts: list[bytes] = []
    size = 0
    async for part in response.aiter_bytes():
        size += len(part)
        if size > request.max_bytes:
            raise ToolError(
                f"{tool!r}: the body has more than {request.max_bytes:,} bytes; "
                "raise max_bytes, or let it go to a file with stream_to",
                tool=tool, status=response.status_code, final=True,
            )  # fmt: skip
        parts.append(part)
    return _decoded(b"".join(parts), response.headers.get("content-type", ""), response.encoding)


def _decoded(raw: bytes, kind: str, encoding: str | None) -> Any:
    kind = kind.partition(";")[0].strip().lower()
    if kind == "application/json" or kind.endswith("+json"):
        with suppress(ValueError, RecursionError):  # a server that calls something JSON that is none
            return json.loads(raw)
    if (
        kind.startswith("text/")
        or kind in {"", "application/json", "application/xml"}
        or kind.endswith(("+json", "+xml"))
    ):
        try:
            return raw.decode(encoding or "utf-8", errors="replace")
        except LookupError:
            return raw.decode(errors="replace")
    return raw


async def _into_file(response: httpx.Response, file: Path) -> None:
    """Write the body beside the file and put it in place when it is whole."""
    partial = file.with_name(f".{file.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as stream:
            async for part in response.aiter_bytes():
                stream.write(part)
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)


def retry_after(value: str | None) -> float | None:
    """Return the seconds of a ``Retry-After`` header: a number, or a date.

    Examples
    --------
    >>> retry_after("3"), retry_after("soon"), retry_after(None)
    (3.0, None, None)
    """
    if value is None:
        return None
    if re.fullmatch(r"\s*[0-9]+\s*", value):
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return max((aware - datetime.now(UTC)).total_seconds(), 0.0)
