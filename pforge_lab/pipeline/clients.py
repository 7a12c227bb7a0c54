"""HTTP clients: one for each event loop, which keeps connections and is closed with the loop."""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
from concurrent.futures import wait
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator

    import httpx

_LOGGERS: Final = ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.proxy", "httpcore.socks")


@dataclass(frozen=True, slots=True)
class _Kept:
    """A client, and the generator that closes it when its loop shuts its generators down."""

    client: httpx.AsyncClient
    closing: AsyncGenerator[None, None]


_clients: dict[tuple[int, asyncio.AbstractEventLoop], _Kept] = {}
_ours: ContextVar[bool] = ContextVar("pforge_lab_request", default=False)


async def client() -> httpx.AsyncClient:
    """Return the client of the running loop: connections cannot be used by another one. It keeps no cookies."""
    # A forked process has the loops of its parent, but not their threads
    key = os.getpid(), asyncio.get_running_loop()
    if key not in _clients:
        for other in [other for other in list(_clients) if other[1].is_closed()]:
            _clients.pop(other, None)  # closed without shutting its generators down
        made = _new_client()
        _clients[key] = _Kept(made, _closing(key, made))
        await anext(_clients[key].closing)
    return _clients[key].client


def _new_client() -> httpx.AsyncClient:
    import httpx  # noqa: PLC0415 -- loaded when a request is sent

    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_others)
    return httpx.AsyncClient(
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])), follow_redirects=True, timeout=None,  # noqa: S113 - the call has its own timeout
        event_hooks={"request": [_leave]},
    )  # fmt: skip


async def _leave(request: httpx.Request) -> None:
    """Have the tool's request look at what is sent, redirects included."""
    request.extensions["pforge_lab"](request)


async def _closing(
    key: tuple[int, asyncio.AbstractEventLoop], made: httpx.AsyncClient
) -> AsyncGenerator[None, None]:
    try:
        yield
    finally:
        _clients.pop(key, None)
        await made.aclose()


async def _close(kept: _Kept) -> None:
    await kept.closing.aclose()


@contextmanager
def unlogged() -> Iterator[None]:
    """Keep what httpx logs of the requests within out of the logs: it names whole URLs, secrets in them included."""
    before = _ours.set(True)
    try:
        yield
    finally:
        _ours.reset(before)


def _others(_record: logging.LogRecord) -> bool:
    return not _ours.get()


@atexit.register
def close_clients() -> None:
    """Close the connections that loops of other threads keep; a loop that is blocked is waited for five seconds."""
    wait(
        [
            asyncio.run_coroutine_threadsafe(_close(kept), loop)
            for (pid, loop), kept in list(_clients.items())
            if pid == os.getpid() and loop.is_running()
        ],
        timeout=5,
    )
