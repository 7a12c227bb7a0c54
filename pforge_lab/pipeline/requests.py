"""HTTP requests on one event loop and one pool of connections."""

from __future__ import annotations

import atexit
import json
import logging
import os
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Any, cast

from pforge_lab import asyncbridge
from pforge_lab.errors import ToolError

from .calls import Call, Cancelled

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import httpx


@dataclass(frozen=True, slots=True)
class Request:
    """A request, ready to be sent. Not shown: it carries secrets."""

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    query: list[tuple[str, str]] = field(repr=False)
    body: Any = field(repr=False)
    basic: tuple[str, str] | None = field(repr=False)
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
    future = asyncbridge.submit(_exchange(request, tool), timeout=call.timeout)
    forget = call.stop.add(future.cancel) if call.stop is not None else None
    try:
        return future.result()
    except asyncbridge.Overrun:
        raise call.overrun(tool, "was cancelled") from None
    except CancelledError:
        raise Cancelled from None
    except BaseException:
        future.cancel()
        raise
    finally:
        if forget is not None:
            forget()


async def _exchange(request: Request, tool: str) -> Answer:
    import httpx  # noqa: PLC0415 -- loaded when a request is sent

    try:
        async with _client().stream(
            request.method, request.url, headers=dict(request.headers), params=cast("Any", request.query or None),
            auth=request.basic, **_content(request.body),
        ) as response:  # fmt: skip
            file = request.stream_to
            body = await (_into_file(response, file) if file is not None else _read(response, request, tool))
            return Answer(
                response.status_code,
                dict(response.headers),
                body,
                file,
                retry_after(response.headers.get("retry-after")),
            )
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        raise ToolError(f"{tool!r}: {request.url!r} is no URL: {error}", tool=tool) from None
    except httpx.HTTPError as error:
        reason = str(error) or type(error).__name__
        raise ToolError(f"{tool!r}: {request.method} {request.url} failed: {reason}", tool=tool) from None
    except OSError as error:
        raise ToolError(
            f"{tool!r}: cannot write {str(request.stream_to)!r}: {error.strerror}", tool=tool
        ) from None


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
                tool=tool, status=response.status_code,
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
    if value.strip().isdigit():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return max((aware - datetime.now(UTC)).total_seconds(), 0.0)


_clients: dict[int, Any] = {}


class _Ours(logging.Filter):
    """Keeps what httpx logs of our requests out of the logs: it names whole URLs, secrets in them included."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let pass what others request."""
        return record.threadName != asyncbridge.THREAD_NAME


def _client() -> httpx.AsyncClient:
    """Return the client of this process; it keeps connections, but no cookies."""
    import httpx  # noqa: PLC0415 -- loaded when a request is sent

    if os.getpid() not in _clients:
        _clients.clear()  # those of a parent process belong to its loop
        logging.getLogger("httpx").addFilter(_Ours())
        jar = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
        _clients[os.getpid()] = httpx.AsyncClient(cookies=jar, follow_redirects=True, timeout=None)  # noqa: S113 - the call has its own timeout
    client: httpx.AsyncClient = _clients[os.getpid()]
    return client


@atexit.register
def close_client() -> None:
    """Close the connections that are kept."""
    client = _clients.pop(os.getpid(), None)
    if client is not None:
        asyncbridge.run(client.aclose(), timeout=5)
