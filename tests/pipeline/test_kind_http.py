"""Tools that are requests: what is sent, what is understood, secrets, retries, large bodies."""

from __future__ import annotations

import json
import os

import pytest

from pforge_lab.errors import ParamError, ToolError
from pforge_lab.pipeline.engine import execute
from pforge_lab.pipeline.loader import loads


def request(server, fields, value="x y", step=""):
    text = f"tools: [{{ type: http, name: it, endpoint: '{server.url}/a/{{{{ x }}}}', {fields} }}]\n"
    text += f"steps: [{{ tool: it, input: {{ x: {json.dumps(value)} }}{step} }}]\n"
    return execute(loads(text, name="p"), 0, {})


def test_a_request_is_what_the_definition_says(server):
    """Method, path, query, headers and body; the answer is ``status body headers``."""
    fields = "method: put, headers: { X-A: '{{ x }}' }, query: { q: '{{ x }}', l: [1, 2], n: null, b: true }, body: { deep: ['{{ x }}', 1] }"
    outcome = request(server, fields, "x&y/z")
    (asked,) = server.asked
    assert asked["method"] == "PUT"
    assert asked["path"] == "/a/x%26y%2Fz?q=x%26y%2Fz&l=1&l=2&b=true"
    assert asked["headers"]["x-a"] == "x&y/z"
    assert json.loads(asked["body"]) == {"deep": ["x&y/z", 1]}
    assert outcome.output["status"] == 200
    assert outcome.output["headers"]["content-type"] == "application/json"
    assert outcome.output["body"]["method"] == "PUT"


def test_pforges_own_body_and_query(server):
    """Its input has them where the definition has none."""
    text = f"tools: [{{ type: http, name: it, endpoint: '{server.url}/', method: POST }}]\n"
    text += "steps: [{ tool: it, input: { body: { a: 1 }, query: { q: z } } }]"
    execute(loads(text, name="p"), 0, {})
    assert (server.asked[0]["path"], json.loads(server.asked[0]["body"])) == ("/?q=z", {"a": 1})


def test_a_query_is_added_to_the_one_of_the_endpoint(server):
    """Neither replaces the other."""
    server.url += "/?p=1&q=%26"
    text = f"tools: [{{ type: http, name: it, endpoint: '{server.url}', query: {{ q: 2 }} }}]\nsteps: [{{ tool: it }}]"
    execute(loads(text, name="p"), 0, {})
    assert server.asked[0]["path"] == "/?p=1&q=%26&q=2"


def test_a_server_in_a_variable(server):
    """A value at the very start is taken as it is; later ones cannot add parts to the URL."""
    text = "tools: [{ type: http, name: it, endpoint: '{{ base }}/u/{{ n }}' }]\n"
    text += f"steps: [{{ tool: it, input: {{ base: '{server.url}', n: 'a/../b?c#d' }} }}]"
    assert execute(loads(text, name="p"), 0, {}).output["status"] == 200
    assert server.asked[0]["path"] == "/u/a%2F..%2Fb%3Fc%23d"


@pytest.mark.parametrize(
    ("status", "headers", "body", "expected"),
    [
        (404, {}, b'{"error": "no"}', {"error": "no"}),
        (200, {"content-type": "text/plain; charset=latin-1"}, "ü".encode("latin-1"), "ü"),
        (200, {"content-type": "application/octet-stream"}, b"\x00\xff", b"\x00\xff"),
        (200, {"content-type": "application/json"}, b"no json", "no json"),
        (204, {}, b"", ""),
    ],
)
def test_answers_of_every_form(server, status, headers, body, expected):
    """A status is part of the output, an error page too; bodies are what their type says."""
    server.answers.append((status, headers, body))
    output = request(server, "method: GET").output
    assert (output["status"], output["body"]) == (status, expected)


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [
        ("{ type: bearer, token: '${PFORGE_TEST_TOKEN}' }", "authorization", "Bearer s3cret"),
        (
            "{ type: basic, username: u, password: '${PFORGE_TEST_TOKEN}' }",
            "authorization",
            "Basic dTpzM2NyZXQ=",
        ),
        ("{ type: api_key, key: '${PFORGE_TEST_TOKEN}', header: X-Key }", "x-key", "s3cret"),
        ("{ type: apikey, key: '${PFORGE_TEST_TOKEN}', header: X-Key }", "x-key", "s3cret"),
    ],
)
def test_authentication(server, monkeypatch, auth, header, value):
    """The secret reaches the server, and no definition, repr or error."""
    monkeypatch.setenv("PFORGE_TEST_TOKEN", "s3cret")
    text = f"tools: [{{ type: http, name: it, endpoint: '{server.url}/', auth: {auth} }}]\nsteps: [{{ tool: it }}]"
    pipeline = loads(text, name="p")
    execute(pipeline, 0, {})
    assert server.asked[0]["headers"][header] == value
    shown = repr(pipeline) + pipeline.to_yaml() + repr(pipeline.tools) + repr(pipeline._box.find("it"))
    assert "s3cret" not in shown
    monkeypatch.delenv("PFORGE_TEST_TOKEN")
    assert "PFORGE_TEST_TOKEN is not set" in str(execute(pipeline, 0, {}).error)


def test_a_secret_in_a_url_is_not_in_the_error(monkeypatch):
    """Errors of the connection name the URL; the secret in it is shown by name."""
    monkeypatch.setenv("PFORGE_TEST_TOKEN", "s3cret")
    text = "tools: [{ type: http, name: it, endpoint: 'http://127.0.0.1:1/${PFORGE_TEST_TOKEN}' }]\nsteps: [{ tool: it }]"
    message = str(execute(loads(text, name="p"), 0, {}).error)
    assert "http://127.0.0.1:1/${PFORGE_TEST_TOKEN} failed" in message
    assert "s3cret" not in message


def test_a_value_that_looks_like_an_environment_variable_is_not_expanded(server, monkeypatch):
    """Only the definition itself may name one."""
    monkeypatch.setenv("PFORGE_TEST_TOKEN", "s3cret")
    request(server, "headers: { X-A: '{{ x }}' }", "${PFORGE_TEST_TOKEN}")
    assert server.asked[0]["headers"]["x-a"] == "${PFORGE_TEST_TOKEN}"


def test_busy_servers_are_asked_again_as_they_wish(server, monkeypatch):
    """429 and 5xx are retried, Retry-After is honoured; the last answer is the output."""
    import time

    waits = []
    monkeypatch.setattr(time, "sleep", waits.append)
    server.answers += [(429, {"retry-after": "7"}, b"{}"), (503, {}, b"{}"), (200, {}, b'"ok"')]
    outcome = request(server, "retry: { max_attempts: 3, backoff_ms: 1000, jitter: 0 }")
    assert (outcome.output["body"], outcome.attempts, waits) == ("ok", 3, [7.0, 2.0])
    server.answers += [(500, {}, b"{}"), (502, {}, b'"still"')]
    outcome = request(server, "retry: { attempts: 2, backoff: 0 }")
    assert (outcome.status, outcome.output["status"], outcome.output["body"]) == ("done", 502, "still")


@pytest.mark.parametrize(
    ("status", "attempts"), [(408, 1), (429, 2), (500, 2), (501, 1), (505, 1), (520, 2), (599, 2)]
)
def test_which_answers_are_retried(server, status, attempts):
    """Too many requests, and what a server may get over."""
    server.answers.append((status, {}, b"{}"))
    request(server, "retry: { attempts: 2, backoff: 0 }")
    assert len(server.asked) == attempts


@pytest.mark.parametrize(("asked", "told"), [("301", "301"), ("9" * 400, "inf"), ("9" * 20, "1e+20")])
def test_a_server_that_asks_to_wait_too_long(server, asked, told):
    """It is not waited for: the error says how long it would be."""
    server.answers.append((503, {"retry-after": asked}, b"{}"))
    error = request(server, "retry: { attempts: 2, backoff: 0 }").error
    assert str(error) == (
        f"'it': the server answered 503 and asks to wait {told} s; "
        "a retry waits 300 s at most, so run it again then"
    )
    assert error.retry_after > 300
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "asked", ["\xb2", "1.5", "-5", "soon", "Wed, 21 Oct 99999999999999999999 07:28:00 GMT"]
)
def test_a_retry_after_that_is_none(server, asked):
    """It is as if there were none."""
    server.answers.append((429, {"retry-after": asked}, b"{}"))
    assert request(server, "retry: { attempts: 2, backoff: 0 }").attempts == 2


def test_what_cannot_change_is_not_retried(server, monkeypatch):
    """A body that is too large, a variable that is not set, an endpoint that is no URL."""
    monkeypatch.delenv("PFORGE_TEST_UNSET", raising=False)
    retry = "retry: { attempts: 3, backoff: 0 }"
    assert request(server, f"max_bytes: 1, {retry}").attempts == 1
    assert len(server.asked) == 1
    assert request(server, f"headers: {{ X: '${{PFORGE_TEST_UNSET}}' }}, {retry}").attempts == 1
    server.url = "ftp://x"
    assert request(server, retry).attempts == 1


def test_a_connection_that_breaks_is_tried_again(server):
    """As any failure."""
    server.answers += [(None, {}, b""), (200, {}, b'"ok"')]
    assert request(server, "retry: { attempts: 2, backoff: 0 }").output["body"] == "ok"


def test_a_large_body_goes_to_a_file(server, tmp_path):
    """Whole or not at all; without one it is refused."""
    body = os.urandom(300_000)
    text = f"tools: [{{ type: http, name: it, endpoint: '{server.url}/', stream_to: '{{{{ to }}}}', max_bytes: 1000 }}]\n"
    pipeline = loads(text + "steps: [{ tool: it, input: { to: out.bin } }]", name="p", base_dir=tmp_path)
    server.answers.append((200, {}, body))
    outcome = execute(pipeline, 0, {})
    assert outcome.output["body"] == str(tmp_path / "out.bin")
    assert (tmp_path / "out.bin").read_bytes() == body
    server.answers.append((200, {}, body))
    refused = request(server, "max_bytes: 1000")
    assert (
        "the body has more than 1,000 bytes; raise max_bytes, or let it go to a file with stream_to"
        in str(refused.error)
    )
    assert [path.name for path in tmp_path.iterdir()] == ["out.bin"]


@pytest.mark.parametrize(
    ("fields", "value", "told"),
    [
        ("headers: { X: '{{ x }}' }", "a\nb", "X: the header of 'it' must be one line of text"),
        ("headers: { X: '{{ x }}' }", "a ", "X: the header of 'it' must neither begin nor end with a space"),
        ("headers: { X: ['{{ x }}'] }", "a", "X: the header of 'it' must be one line of text, not a mapping"),
        ("headers: { 'X Y': '{{ x }}' }", "a", "X Y: the header of 'it' has a name that is none"),
        ("query: { q: { a: 1 } }", "x", "a query value must be text, a number or a list"),
        ("method: POST, body: { a: .nan }", "x", "holds nan, which JSON has no word for"),
    ],
)
def test_requests_that_cannot_be_sent(server, fields, value, told):
    """They are refused before anything is sent."""
    outcome = request(server, fields, value)
    assert told in str(outcome.error)
    assert server.asked == []


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ("method: GET", "endpoint"),
        ("query: { q: '{{ x }}' }", "query.q"),
        ("method: POST, body: '{{ x }}'", "body"),
        ("method: POST, body: { a: ['{{ x }}'] }", "body"),
        ("auth: { type: basic, username: u, password: '{{ x }}' }", "auth.password"),
    ],
)
def test_text_that_no_encoding_has_bytes_for(server, fields, field):
    """It is refused by the name of the tool and the field."""
    text = f"tools: [{{ type: http, name: it, endpoint: '{server.url}/{{{{ x }}}}', {fields} }}]\nsteps: [{{ tool: it, input: {{ x: '{{{{ v }}}}' }} }}]"
    if field != "endpoint":
        text = text.replace("/{{ x }}", "/")
    error = execute(loads(text, name="p"), 0, {"v": "a\ud800"}).error
    assert f"{field}: the text of 'it' cannot be sent: character 1 is half of a surrogate pair" in str(error)
    assert isinstance(error, ParamError)
    assert server.asked == []


@pytest.mark.parametrize(
    "url", ["no url at all", "ftp://x/", "http://", "http://127.0.0.1:99999999", "http://xn--/"]
)
def test_an_endpoint_that_is_no_url(url):
    """It is told as such."""
    text = f"tools: [{{ type: http, name: it, endpoint: '{url}' }}]\nsteps: [{{ tool: it }}]"
    error = execute(loads(text, name="p"), 0, {}).error
    assert isinstance(error, ToolError)
    assert f"'it': the endpoint {url!r} is no URL" in str(error)


@pytest.mark.parametrize("url", ["http://127.0.0.1:99999999", "http://xn--/", "http://" + "a" * 300])
def test_a_redirect_to_what_is_no_url(server, url):
    """It is an error of the request."""
    server.answers.append((302, {"location": url}, b""))
    error = request(server, "method: GET").error
    assert isinstance(error, ToolError)
    assert str(error).startswith("'it': ")


def test_cookies_do_not_travel_between_requests(server):
    """One step's session is not another one's."""
    server.answers.append((200, {"set-cookie": "a=1"}, b"{}"))
    request(server, "method: GET")
    request(server, "method: GET")
    assert "cookie" not in server.asked[1]["headers"]


def test_a_secret_in_a_url_is_not_logged(server, monkeypatch, caplog):
    """The client library logs whole URLs; those of tools are kept out."""
    monkeypatch.setenv("PFORGE_TEST_TOKEN", "s3cret")
    caplog.set_level("DEBUG")
    request(server, "query: { key: '${PFORGE_TEST_TOKEN}' }")
    assert server.asked[0]["path"].endswith("key=s3cret")
    assert "s3cret" not in caplog.text
