"""What every kind of tool promises, and what each adds."""

from __future__ import annotations

import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psutil
import pytest

from pforge_lab.errors import ParamError, SpecError, StepTimeout, TemplateError, ToolError
from pforge_lab.pipeline.engine import execute
from pforge_lab.pipeline.kinds import kinds
from pforge_lab.pipeline.loader import loads
from pforge_lab.pipeline.requests import close_client
from pforge_lab.pipeline.tools import tool

PYTHON = json.dumps(sys.executable)


class Server(ThreadingHTTPServer):
    """A real server that keeps what it was asked and answers what it is told to."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked, self.answers, self.hold = [], [], threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request, client_address):
        """Say nothing of clients that went away."""


class Handler(BaseHTTPRequestHandler):
    """Echoes the request as JSON, unless told otherwise."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_args):
        """Say nothing."""

    def answer(self):
        """Keep what was asked, and answer."""
        length = int(self.headers.get("content-length") or 0)
        asked = {
            "method": self.command,
            "path": self.path,
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "body": self.rfile.read(length).decode(),
        }
        self.server.asked.append(asked)
        if self.path.startswith("/hold"):
            self.server.hold.wait(30)
        status, headers, body = self.server.answers.pop(0) if self.server.answers else (200, {}, None)
        if status is None:
            self.close_connection = True
            self.connection.shutdown(2)
            return
        data = json.dumps(asked).encode() if body is None else body
        self.send_response(status)
        for name, value in ({"content-type": "application/json"} | headers).items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)


for method in ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD"):
    setattr(Handler, f"do_{method}", Handler.answer)


def filled(text, *parts):
    """Return a text with its ``%s`` filled in; braces and quotes are YAML's."""
    for part in parts:
        text = text.replace("%s", part, 1)
    return text


@pytest.fixture
def server():
    server = Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.hold.set()
    close_client()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def tools(server, tmp_path):
    """Return a function that makes a forge with one tool of each kind, all named ``it`` and echoing ``x``."""
    (tmp_path / "contract_tools.py").write_text(
        "import threading\n"
        "def echo(x): return {'got': x}\n"
        "def wait(x): threading.Event().wait(0.5)\n"
        "def broken(x): raise ValueError(x)\n"
    )
    params = "params: { x: { type: string, required: true, max_length: 20 } }"
    wait = "import threading; threading.Event().wait(20)"
    definitions = {
        "native": (
            filled("{ type: native, name: it, handler: { path: 'contract_tools:echo' }, %s }", params),
            filled("{ type: native, name: it, timeout_ms: 100, handler: { path: 'contract_tools:wait' }, %s }", params),
            filled("{ type: native, name: it, handler: { path: 'contract_tools:broken' }, %s }", params),
        ),
        "cli": (
            filled("{ type: cli, name: it, command: %s, parse: json, args: ['-c', 'import sys, json; print(json.dumps(dict(got=sys.argv[1])))', '{{ x }}'], %s }", PYTHON, params),
            filled("{ type: cli, name: it, timeout_ms: 100, command: %s, args: ['-c', '%s'], %s }", PYTHON, wait, params),
            filled("{ type: cli, name: it, command: %s, args: ['-c', 'import sys; sys.exit(sys.argv[1])', '{{ x }}'], %s }", PYTHON, params),
        ),
        "http": (
            filled("{ type: http, name: it, endpoint: '%s/echo', method: POST, body: { got: '{{ x }}' }, %s }", server.url, params),
            filled("{ type: http, name: it, timeout_ms: 100, endpoint: '%s/hold', %s }", server.url, params),
            filled("{ type: http, name: it, endpoint: 'http://127.0.0.1:1/{{ x }}', %s }", params),
        ),
        "pipeline": (
            filled("{ type: pipeline, name: it, %s, steps: [{ tool: 'contract_tools:echo', input: { x: '{{ x }}' }, output_var: out }] }", params),
            filled("{ type: pipeline, name: it, timeout_ms: 100, %s, steps: [{ tool: 'contract_tools:wait', input: { x: '{{ x }}' } }] }", params),
            filled("{ type: pipeline, name: it, %s, steps: [{ tool: 'contract_tools:broken', input: { x: '{{ x }}' } }] }", params),
        ),
    }  # fmt: skip

    def make(kind, which, value, step=""):
        text = f"name: p\ntools:\n  - {definitions[kind][which]}\n"
        text += f"steps:\n  - {{ tool: it, input: {{ x: {json.dumps(value)} }}, output_var: y{step} }}\n"
        return loads(text, base_dir=tmp_path)

    return make


def got(kind, output):
    """Return what the tool has received."""
    if kind == "http":
        return json.loads(output["body"]["body"])["got"]
    return output["variables"]["out"]["got"] if kind == "pipeline" else output["got"]


@pytest.mark.parametrize("kind", ["native", "cli", "http", "pipeline"])
class TestContract:
    """Every kind of tool keeps these promises."""

    def test_arguments_arrive_and_output_comes_back(self, kind, tools):
        """Also those that a shell, a URL or a template would take for something else."""
        for value in ("plain", "a b; $(ls) `x` &", "ü {{ 'x' }}", "\"quoted'", "../../etc?x=1#y"):
            pipeline = tools(kind, 0, "{{ v }}")
            outcome = execute(pipeline, 0, {"v": value})
            assert outcome.error is None, outcome.error
            assert got(kind, outcome.variables["y"]) == value
            assert outcome.attempts == 1

    def test_params_are_checked_before_the_call(self, kind, tools, server):
        """Wrong types and bounds are a `ParamError`; nothing is called."""
        for value in (5, "x" * 21):
            outcome = execute(tools(kind, 0, value), 0, {})
            assert isinstance(outcome.error, ParamError)
            assert "x: must " in str(outcome.error)
        assert server.asked == []

    def test_an_overrun_is_a_step_timeout(self, kind, tools):
        """It names the step, the tool and the seconds."""
        outcome = execute(tools(kind, 1, "x"), 0, {})
        assert isinstance(outcome.error, StepTimeout), outcome.error
        assert "took longer than 0.1 s and was " in str(outcome.error)

    def test_a_failure_is_told(self, kind, tools):
        """With the message that explains it, and without output."""
        outcome = execute(tools(kind, 2, "why"), 0, {})
        assert (outcome.status, outcome.variables) == ("failed", {})
        told = {
            "native": "why",
            "cli": "why",
            "http": "failed: All connection attempts failed",
            "pipeline": "why",
        }
        assert told[kind] in str(outcome.error)

    def test_a_failure_is_retried(self, kind, tools, heard):
        """As the step says."""
        pipeline = tools(kind, 2, "why", ", retry: { attempts: 2, backoff: 0 }")
        assert execute(pipeline, 0, {}, listener=heard).attempts == 2
        assert [number for label, number, _ in heard.failed if label == "it"] == [1, 2]

    def test_the_definition_round_trips(self, kind, tools):
        """Through YAML, with its digest."""
        pipeline = tools(kind, 0, "x")
        again = loads(pipeline.to_yaml(), base_dir=pipeline.base_dir)
        assert again == pipeline
        assert got(kind, execute(again, 0, {}).output) == "x"

    def test_the_kind_is_registered(self, kind, tools):
        """Built-in kinds come through the same door as others."""
        assert kinds()[kind].model_fields["type"].default == kind


def test_a_command_gives_what_pforge_gives(one_step):
    """``stdout stderr exit_code``, and an allowed exit code is no error."""
    text = """
tools: [{ type: cli, name: it, command: sh, args: ["-c", "echo out; echo err >&2; exit 3"], allow_exit_codes: [3] }]
steps: [{ tool: it }]
"""
    assert one_step(text).output == {"stdout": "out\n", "stderr": "err\n", "exit_code": 3}


def test_a_command_that_fails_says_why(one_step):
    """Exit code and the last line of what it said, which are attributes too."""
    text = 'tools: [{ type: cli, name: it, command: sh, args: ["-c", "echo a; echo oops >&2; exit 4"] }]\nsteps: [{ tool: it }]'
    error = one_step(text).error
    assert str(error) == "'it': 'sh' ended with exit code 4: oops"
    assert (error.exit_code, error.stdout, error.stderr, error.tool) == (4, "a\n", "oops\n", "it")
    killed = one_step(text.replace("exit 4", "kill -9 $$")).error
    assert "ended with signal 9" in str(killed)


@pytest.mark.parametrize(
    ("parse", "printed", "expected"),
    [("json", '{\\"a\\": [1]}', {"a": [1]}), ("lines", "a\\nb", ["a", "b"]), ("text", "a", "a\n")],
)
def test_parsed_output(one_step, parse, printed, expected):
    """The output is what was printed, as asked."""
    text = f"tools: [{{ type: cli, name: it, command: {PYTHON}, args: ['-c', \"print('''{printed}''')\"], parse: {parse} }}]\nsteps: [{{ tool: it }}]"
    if parse == "json":
        text = text.replace('\\\\"', '\\"')
    assert one_step(text.replace("\\n", "\\\\n") if parse == "lines" else text).output == expected


def test_output_that_is_no_json(one_step):
    """It is told, with the way to see it."""
    text = "tools: [{ type: cli, name: it, command: echo, args: [a], parse: json }]\nsteps: [{ tool: it }]"
    assert "what 'echo' printed is no JSON" in str(one_step(text).error)


def test_arguments_in_every_form(one_step):
    """Lists stand for their elements, null for nothing; booleans are lower case; pforge's ``args`` are added."""
    text = """
tools: [{ type: cli, name: it, command: echo, parse: text, args: [1, 2.5, "{{ l }}", "{{ n }}", "{{ b }}", "-{{ b }}"] }]
steps: [{ tool: it, input: { l: [x, 3], n: null, b: true, args: [end] } }]
"""
    assert one_step(text).output == "1 2.5 x 3 true -True end\n"
    wrong = text.replace("[x, 3]", "{ x: 3 }")
    assert "an argument of 'it' must be text or a number, not an object" in str(one_step(wrong).error)
    unknown = text.replace("args: [end]", "m: 1")
    assert "m: 'it' takes no such argument; there are 'b', 'l', 'n'" in str(one_step(unknown).error)


def test_cwd_env_and_stdin(one_step, tmp_path, monkeypatch):
    """All with templates; ``${NAME}`` is this process's variable, where the definition says so."""
    (tmp_path / "sub").mkdir()
    monkeypatch.setenv("PFORGE_TEST_TOKEN", "s3cret")
    text = """
tools:
  - type: cli
    name: it
    command: sh
    args: ["-c", "pwd; echo $A; cat"]
    cwd: "{{ where }}"
    env: { A: "<${PFORGE_TEST_TOKEN}>" }
    stdin: "hello {{ who }}"
    parse: lines
steps: [{ tool: it, input: { where: sub, who: "${PFORGE_TEST_TOKEN}" } }]
"""
    lines = one_step(text, folder=tmp_path).output
    assert lines == [str((tmp_path / "sub").resolve()), "<s3cret>", "hello ${PFORGE_TEST_TOKEN}"]
    missing = one_step(text.replace("where: sub", "where: nowhere"), folder=tmp_path).error
    assert "there is no directory" in str(missing)
    unset = one_step(text.replace("<${PFORGE_TEST_TOKEN}>", "${PFORGE_TEST_UNSET}"), folder=tmp_path).error
    assert "the environment variable PFORGE_TEST_UNSET is not set" in str(unset)


def test_secrets_of_a_command_are_not_in_its_error(one_step, monkeypatch):
    """What the environment holds is shown by name."""
    monkeypatch.setenv("PFORGE_TEST_TOKEN", "s3cret")
    text = 'tools: [{ type: cli, name: it, command: sh, args: ["-c", "echo no ${PFORGE_TEST_TOKEN} >&2; exit 1"] }]\nsteps: [{ tool: it }]'
    assert str(one_step(text).error).endswith(": no ${PFORGE_TEST_TOKEN}")


def test_lines_appear_while_the_command_runs(one_step, heard, tmp_path):
    """Each line is announced when it is there, not when all is over."""
    go = tmp_path / "go"
    os.mkfifo(go)

    class Releasing(type(heard)):
        """Lets the command go on once its first line has arrived."""

        def output_line(self, label, stream, text):
            super().output_line(label, stream, text)
            if text == "first":
                go.write_text("x")

    listener = Releasing()
    text = """
tools: [{ type: cli, name: it, command: sh, args: ["-c", "echo first; cat go >/dev/null; echo second >&2"], stream: true }]
steps: [{ tool: it, timeout_ms: 20000 }]
"""
    assert one_step(text, folder=tmp_path, listener=listener).error is None
    assert listener.lines == [("it", "stdout", "first"), ("it", "stderr", "second")]


def test_a_timeout_ends_the_whole_process_tree(one_step, tmp_path):
    """Children and their children, also those that ignore being asked."""
    script = "trap '' TERM; sh -c 'echo $$ > inner; sleep 60' & echo $$ > outer; sleep 60; wait"
    text = f'tools: [{{ type: cli, name: it, command: sh, args: ["-c", "{script}"], timeout_ms: 600 }}]\nsteps: [{{ tool: it }}]'
    outcome = one_step(text.replace("$$", "$$"), folder=tmp_path)
    assert isinstance(outcome.error, StepTimeout)
    assert "was ended with its children" in str(outcome.error)
    for name in ("outer", "inner"):
        pid = int((tmp_path / name).read_text())
        assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_a_command_that_is_not_there(one_step):
    """The message says what to do."""
    text = "tools: [{ type: cli, name: it, command: zz_no_such_command }]\nsteps: [{ tool: it }]"
    assert "the command 'zz_no_such_command' was not found; install it, or give its path" in str(
        one_step(text).error
    )


def test_a_command_beside_the_file(one_step, tmp_path):
    """A path is relative to the pipeline's file."""
    script = tmp_path / "script.sh"
    script.write_text("#!/bin/sh\necho beside\n")
    text = "tools: [{ type: cli, name: it, command: ./script.sh, parse: text }]\nsteps: [{ tool: it }]"
    assert "cannot be started: Permission denied" in str(one_step(text, folder=tmp_path).error)
    script.chmod(0o700)
    assert one_step(text, folder=tmp_path).output == "beside\n"


def test_an_interrupt_ends_the_command(one_step, heard):
    """Nothing is left behind when the user stops the step."""

    class Interrupting(type(heard)):
        """Interrupts when the command has told its pid."""

        def output_line(self, label, stream, text):
            self.pid = int(text)
            raise KeyboardInterrupt

    listener = Interrupting()
    text = 'tools: [{ type: cli, name: it, command: sh, args: ["-c", "echo $$; sleep 60"], stream: true }]\nsteps: [{ tool: it }]'
    with pytest.raises(KeyboardInterrupt):
        one_step(text, listener=listener)
    assert not psutil.pid_exists(listener.pid)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells it")
def test_the_peak_of_a_child_is_told(one_step):
    """It is the child's own, above or below that of this process."""
    text = f"tools: [{{ type: cli, name: it, command: {PYTHON}, args: ['-c', \"x = b'1' * {{{{ n }}}}\"] }}]\nsteps: [{{ tool: it, input: {{ n: '{{{{ n }}}}' }} }}]"
    assert one_step(text, {"n": 10**9}).child_peak > 10**9
    assert one_step(text, {"n": 1}).child_peak < 50 * 10**6


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
        ("headers: { X: '{{ x }}' }", "a\nb", "the header must be one line of text"),
        ("query: { q: { a: 1 } }", "x", "a query value must be text, a number or a list"),
        ("method: POST, body: { a: .nan }", "x", "holds nan, which JSON has no word for"),
    ],
)
def test_requests_that_cannot_be_sent(server, fields, value, told):
    """They are refused before anything is sent."""
    outcome = request(server, fields, value)
    assert told in str(outcome.error)
    assert server.asked == []


@pytest.mark.parametrize("url", ["no url at all", "ftp://x/", "http://"])
def test_an_endpoint_that_is_no_url(url):
    """It is told as such."""
    text = f"tools: [{{ type: http, name: it, endpoint: '{url}' }}]\nsteps: [{{ tool: it }}]"
    error = execute(loads(text, name="p"), 0, {}).error
    assert isinstance(error, ToolError)
    assert "is no URL" in str(error)


def test_cookies_do_not_travel_between_requests(server):
    """One step's session is not another one's."""
    server.answers.append((200, {"set-cookie": "a=1"}, b"{}"))
    request(server, "method: GET")
    request(server, "method: GET")
    assert "cookie" not in server.asked[1]["headers"]


NESTED = """
tools:
  - { type: native, name: add, handler: { path: "operator:add" } }
  - type: pipeline
    name: inner
    params: { n: integer, by: { type: integer, default: 1 } }
    max_steps: 5
    steps:
      - { tool: "builtins:sum", input: { iterable: ["{{ n }}", "{{ by }}"] }, output_var: n }
      - { tool: "builtins:len", input: { obj: x }, condition: "n < 0", label: never }
      - { tool: "builtins:str", input: { object: "{{ n }}" }, output_var: text, label: last, next: [{ if: "again", goto: last }] }
steps:
  - { tool: inner, input: { n: "{{ k }}" }, output_var: out }
"""


def test_a_nested_pipeline_has_its_own_scope_and_shows_its_steps(one_step):
    """Defaults are filled in, the outer scope is not seen, and the steps are children."""
    outcome = one_step(NESTED, {"k": 4, "n": 100, "text": "outer"})
    assert outcome.error is None, outcome.error
    assert outcome.variables == {"out": outcome.output}
    assert outcome.output["variables"] == {"n": 5, "by": 1, "text": "5"}
    assert [(c.label, c.status) for c in outcome.children] == [
        ("builtins:sum", "done"),
        ("never", "skipped"),
        ("last", "done"),
    ]
    assert [result["tool"] for result in outcome.output["results"]] == ["builtins:sum", "builtins:str"]


def test_pforges_variables_reach_a_nested_pipeline(one_step):
    """Its input is one field, ``variables``."""
    assert (
        one_step(NESTED.replace('{ n: "{{ k }}" }', "{ variables: { n: 1 } }")).output["variables"]["n"] == 2
    )


def test_wrong_inputs_of_a_nested_pipeline(one_step):
    """They are those of its params."""
    outcome = one_step(NESTED, {"k": "4"})
    assert str(outcome.error) == "step 'inner': n: must be an integer, not '4' (string)"
    outcome = one_step(NESTED.replace('{ n: "', '{ m: "'), {"k": 4})
    assert "pipeline 'inner' has no such param" in str(outcome.error)


def test_an_error_inside_a_nested_pipeline_says_where(one_step):
    """The original error, with a note; the children show the step."""
    outcome = one_step(
        NESTED.replace("{ obj: x }", "{ obj: '{{ missing }}' }").replace('"n < 0"', '"n > 0"'), {"k": 1}
    )
    assert isinstance(outcome.error, TemplateError)
    assert outcome.error.step == "never"
    assert [(c.label, c.status) for c in outcome.children] == [("builtins:sum", "done"), ("never", "failed")]


def test_a_nested_loop_ends(one_step):
    """``max_steps`` bounds it."""
    text = NESTED.replace('"again"', '"text"')
    assert "'inner' took more than 5 steps; raise max_steps" in str(one_step(text, {"k": 1}).error)


def test_a_nested_pipeline_without_a_loop_may_have_more_steps_than_max_steps(one_step):
    """It ends anyway."""
    outcome = one_step(NESTED.replace("max_steps: 5", "max_steps: 2"), {"k": 1})
    assert outcome.error is None, outcome.error
    assert len(outcome.children) == 3


def test_nested_pipelines_use_functions_given_as_objects():
    """Functions bound to the outer pipeline are the inner one's as well."""
    text = "tools: [{ type: pipeline, name: inner, steps: [{ tool: bound_tool, output_var: x }] }]\nsteps: [{ tool: inner }]"
    tool(name="bound_tool")(lambda: "registered")
    pipeline = loads(text, name="p")
    assert execute(pipeline, 0, {}).output["variables"] == {"x": "registered"}
    assert execute(pipeline.bind({"bound_tool": lambda: "bound"}), 0, {}).output["variables"] == {
        "x": "bound"
    }


def test_recursion_is_refused_with_the_cycle(message_of):
    """When the file is loaded, not when the stack is full."""
    text = "forge: { name: x }\ntools:\n"
    text += "".join(
        f"  - {{ type: pipeline, name: {a}, steps: [{{ tool: {b} }}] }}\n" for a, b in ("ab", "bc", "ca")
    )
    assert "a pipeline cannot call itself: a -> b -> c -> a" in message_of(SpecError, loads, text)


def test_stopping_a_block_ends_its_commands(tmp_path):
    """The first error of a block ends the processes of the others."""
    text = """
tools:
  - { type: cli, name: waits, command: sh, args: ["-c", "echo $$ > pid; mv pid ready; sleep 60"] }
steps:
  - parallel:
      - { tool: waits, output_var: a }
      - { tool: "stop_tools:after" }
"""
    (tmp_path / "stop_tools.py").write_text(
        "import time, pathlib\n"
        "def after():\n"
        f"    ready = pathlib.Path({str(tmp_path / 'ready')!r})\n"
        "    while not ready.exists(): time.sleep(0.01)\n"
        "    raise ValueError('stop')\n"
    )
    outcome = execute(loads(text, name="p", base_dir=tmp_path), 0, {})
    assert str(outcome.error) == "stop"
    pid = int((tmp_path / "ready").read_text())
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    assert [child.status for child in outcome.children] == ["skipped", "failed"]


PLUGIN = """
from typing import Literal
from pforge_lab.pipeline.kinds.definition import Definition

class Shout(Definition):
    type: Literal["shout"] = "shout"
    volume: int = 1

    def tool(self, box):
        return ShoutTool(self)

class ShoutTool:
    retry = timeout = None

    def __init__(self, definition):
        self.name, self.volume = definition.name, definition.volume

    def call(self, arguments, call):
        return arguments["text"].upper() + "!" * self.volume

    def fingerprint(self):
        return None
"""


def test_a_package_adds_a_kind(tmp_path, monkeypatch, one_step, message_of):
    """By an entry point: its definitions load, check their fields, run and round trip."""
    (tmp_path / "shout_plugin.py").write_text(PLUGIN)
    info = tmp_path / "shout_plugin-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: shout-plugin\nVersion: 1\n")
    points = info / "entry_points.txt"
    points.write_text("[pforge_lab.tool_kinds]\nshout = shout_plugin:Shout\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    kinds.cache_clear()
    try:
        text = "tools: [{ type: shout, name: it, volume: 2 }]\nsteps: [{ tool: it, input: { text: hello } }]"
        assert one_step(text).output == "HELLO!!"
        assert loads(loads(text, name="p").to_yaml()) == loads(text, name="p")
        assert "did you mean 'volume'?" in message_of(SpecError, loads, text.replace("volume", "volme"))
        points.write_text("[pforge_lab.tool_kinds]\ncli = shout_plugin:Shout\n")
        kinds.cache_clear()
        assert "'cli' of 'shout_plugin:Shout' exists already" in message_of(SpecError, loads, text)
        points.write_text("[pforge_lab.tool_kinds]\nshout = shout_plugin:ShoutTool\n")
        kinds.cache_clear()
        assert "is no Definition with a method 'tool'" in message_of(SpecError, loads, text)
    finally:
        kinds.cache_clear()


def test_inputs_inside_a_nested_pipeline_are_as_before_after_a_failure(one_step):
    """Before a retry, and when a step that may fail has failed, its inputs are what they were."""
    seen = []

    @tool(name="spoils")
    def spoils(values):
        seen.append(list(values))
        values.append("spoilt")
        if len(seen) < 3:
            raise ConnectionError

    text = """
tools:
  - type: pipeline
    name: inner
    steps:
      - { tool: spoils, input: { values: "{{ values }}" }, retry: { attempts: 2, backoff: 0 }, error_policy: continue }
      - { tool: spoils, input: { values: "{{ values }}" }, retry: { attempts: 2, backoff: 0 } }
steps:
  - { tool: inner, input: { values: "{{ values }}" } }
"""
    outcome = one_step(text, {"values": [1]})
    assert outcome.error is None
    assert seen == [[1], [1], [1]]


def test_a_secret_in_a_url_is_not_logged(server, monkeypatch, caplog):
    """The client library logs whole URLs; those of tools are kept out."""
    monkeypatch.setenv("PFORGE_TEST_TOKEN", "s3cret")
    caplog.set_level("DEBUG")
    request(server, "query: { key: '${PFORGE_TEST_TOKEN}' }")
    assert server.asked[0]["path"].endswith("key=s3cret")
    assert "s3cret" not in caplog.text


def test_stopping_a_block_reaches_into_nested_pipelines():
    """A block inside a pipeline inside a block is stopped with it."""
    begun = threading.Event()
    cancelled = threading.Event()

    @tool(name="deep_wait")
    async def deep_wait():
        import asyncio

        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    @tool(name="breaks_then")
    def breaks_then():
        assert begun.wait(20)
        raise ValueError("stop")

    text = """
tools:
  - { type: pipeline, name: inner, steps: [{ parallel: [{ tool: deep_wait }, { tool: "builtins:int" }] }, { tool: "builtins:int" }] }
steps:
  - parallel: [{ tool: inner }, { tool: breaks_then }]
"""
    outcome = execute(loads(text, name="p"), 0, {})
    assert cancelled.wait(20)
    assert str(outcome.error) == "stop"
    assert [child.status for child in outcome.children] == ["skipped", "failed"]
