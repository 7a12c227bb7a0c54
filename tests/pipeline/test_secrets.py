"""Secrets of the environment: sent to the server they are for, and shown nowhere."""

from __future__ import annotations

import asyncio
import json

import pytest

from pforge_lab.errors import ParamError, ToolError
from pforge_lab.pipeline.engine import execute
from pforge_lab.pipeline.kinds.text import SecretText, concealed
from pforge_lab.pipeline.loader import loads

BEARER = "auth: { type: bearer, token: '${PFORGE_TEST_TOKEN}' }"
BASIC = "auth: { type: basic, username: u, password: '${PFORGE_TEST_TOKEN}' }"
API_KEY = "auth: { type: api_key, key: '${PFORGE_TEST_TOKEN}', header: X-Key }"
HEADER = "headers: { X-Mine: 'a ${PFORGE_TEST_TOKEN}', X-Plain: b }"
COOKIE = "headers: { Cookie: 'session=${PFORGE_TEST_TOKEN}' }"


@pytest.fixture(autouse=True)
def _token(monkeypatch):
    monkeypatch.setenv("PFORGE_TEST_TOKEN", "s3cret")


def asking(url, fields):
    return loads(
        f"tools: [{{ type: http, name: it, endpoint: '{url}', {fields} }}]\nsteps: [{{ tool: it }}]", name="p"
    )


@pytest.mark.parametrize(
    ("token", "told"),
    [
        ("s3cret\n", "must be one line of text, and has a line break"),
        ("s3cret\x07", "must be printable text, and has a control character"),
        ("s3cret-ö", "must be ASCII text"),
    ],
)
@pytest.mark.parametrize("fields", [BEARER, API_KEY, HEADER])
def test_a_header_that_cannot_be_sent_is_named_without_its_value(server, monkeypatch, token, told, fields):
    """Whatever is wrong with it; nothing is sent."""
    name = {BEARER: "Authorization", API_KEY: "X-Key", HEADER: "X-Mine"}[fields]
    monkeypatch.setenv("PFORGE_TEST_TOKEN", token)
    error = execute(asking(server.url, fields), 0, {}).error
    assert isinstance(error, ParamError)
    assert f"{name}: the header of 'it' {told}" in str(error)
    assert "s3cret" not in f"{error!r} {error.__cause__!r} {error.__context__!r}"
    assert server.asked == []


@pytest.mark.parametrize(
    ("token", "said"),
    [
        ("s3cret\n", "b'Bearer s3cret\\n'"),
        ("s3cret\n", "it was s3cret"),
        ("s3/cr et", "?k=s3%2Fcr+et and s3%2fcr%20et and s3/cr%20et"),
        ("s3crét", "'s3cr\\xe9t' s3cr%C3%A9t s3cr\\u00e9t b's3cr\\xc3\\xa9t'"),
        ("s3'cr\"et", "'s3\\'cr\"et' \"s3'cr\\\"et\""),
        ("s3\\cr.t", "s3\\cr.t 's3\\\\cr.t'"),
    ],
)
def test_secrets_are_concealed_in_every_form(monkeypatch, token, said):
    """As they are, as a repr has them, as JSON, as a URL; others' text stays."""
    monkeypatch.setenv("PFORGE_TEST_TOKEN", token)
    shown = concealed(f"{said} s3cx", [SecretText("${PFORGE_TEST_TOKEN}")])
    assert "${PFORGE_TEST_TOKEN}" in shown
    assert shown.count("s3") == 1


def test_a_secret_in_a_url_that_is_none_is_not_in_the_error(server, monkeypatch):
    """The URL is shown as its repr, the secret in it by name."""
    monkeypatch.setenv("PFORGE_TEST_TOKEN", "s3cret\n")
    error = execute(asking(server.url + "/${PFORGE_TEST_TOKEN}", "method: GET"), 0, {}).error
    assert isinstance(error, ToolError)
    assert "is no URL" in str(error)
    assert "s3cret" not in f"{error!r} {error.__cause__!r} {error.__context__!r}"


@pytest.mark.parametrize("fields", [BEARER, BASIC, API_KEY, HEADER, COOKIE])
def test_secrets_in_headers_are_not_sent_on_to_another_server(server, other, fields):
    """A redirect is followed without them, and with all other headers."""
    server.answers.append((302, {"location": other.url + "/there"}, b""))
    assert execute(asking(server.url, fields), 0, {}).output["status"] == 200
    (first,), (second,) = server.asked, other.asked
    assert "s3cret" in json.dumps(first["headers"]) or "dTpzM2NyZXQ=" in first["headers"]["authorization"]
    assert not {"authorization", "x-key", "x-mine", "cookie"} & second["headers"].keys()
    assert second["headers"].get("x-plain") == first["headers"].get("x-plain")


@pytest.mark.parametrize(
    ("fields", "name"), [(BEARER, "authorization"), (API_KEY, "x-key"), (HEADER, "x-mine")]
)
def test_secrets_in_headers_follow_a_redirect_within_the_server(server, fields, name):
    """It knows them already."""
    server.answers.append((302, {"location": "/there"}, b""))
    execute(asking(server.url, fields), 0, {})
    assert [asked["path"] for asked in server.asked] == ["/", "/there"]
    assert server.asked[0]["headers"][name] == server.asked[1]["headers"][name]


def test_a_secret_in_a_query_is_not_sent_on(server, other):
    """A redirect has a query of its own."""
    server.answers.append((302, {"location": other.url}, b""))
    execute(asking(server.url, "query: { key: '${PFORGE_TEST_TOKEN}' }"), 0, {})
    assert "s3cret" not in json.dumps(other.asked)


def test_a_body_with_a_secret_is_not_sent_on_to_another_server(server, other):
    """A redirect that would take it along is an error; one that asks for another page without it is followed."""
    tool = asking(server.url, "method: POST, body: { key: '${PFORGE_TEST_TOKEN}' }")
    server.answers += [(307, {"location": other.url}, b""), (303, {"location": other.url}, b"")]
    error = execute(tool, 0, {}).error
    assert f"'it': nothing is sent to {other.url}: the server redirects to another one" in str(error)
    assert other.asked == []
    assert execute(tool, 0, {}).output["status"] == 200
    assert [(asked["method"], asked["body"]) for asked in other.asked] == [("GET", "")]


def test_a_secret_in_a_url_is_not_logged_on_a_loop_that_awaits(server, caplog):
    """As on the loop of our own; what others log there is."""
    import httpx

    caplog.set_level("DEBUG")
    run = asking(server.url, "query: { key: '${PFORGE_TEST_TOKEN}' }").start(state="memory:")

    async def main():
        await run.afinish()
        async with httpx.AsyncClient() as client:
            await client.get(server.url + "/others")

    asyncio.run(main())
    assert server.asked[0]["path"].endswith("key=s3cret")
    assert "s3cret" not in caplog.text
    assert "/others" in caplog.text


def test_a_secret_is_not_in_what_a_command_said(one_step):
    """Neither in the message nor in the attributes of its error."""
    text = 'tools: [{ type: cli, name: it, command: sh, args: ["-c", "cat; exit 1"], stdin: "${PFORGE_TEST_TOKEN}" }]\nsteps: [{ tool: it }]'
    error = one_step(text).error
    assert error.stdout == "${PFORGE_TEST_TOKEN}"
    text = 'tools: [{ type: cli, name: it, command: sh, args: ["-c", "echo out $0; echo err $0 >&2; exit 1", "${PFORGE_TEST_TOKEN}"] }]\nsteps: [{ tool: it }]'
    error = one_step(text).error
    assert (error.stdout, error.stderr) == ("out ${PFORGE_TEST_TOKEN}\n", "err ${PFORGE_TEST_TOKEN}\n")
    error = one_step(text.replace("exit 1", "exit 0").replace("name: it", "name: it, parse: json")).error
    assert (error.stdout, error.stderr) == ("out ${PFORGE_TEST_TOKEN}\n", "err ${PFORGE_TEST_TOKEN}\n")
