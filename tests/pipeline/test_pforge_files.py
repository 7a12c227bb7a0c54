"""A file with all that pforge's own configuration knows loads, and what is not used here is named."""

from __future__ import annotations

from pforge_lab.pipeline.loader import loads

PFORGE = """
forge:
  name: everything-server
  version: 1.0.0
  transport: sse
  description: "All that pforge's configuration knows"
  optimization: debug
state:
  backend: sled
  path: /tmp/state
  options: { flush: 5 }
tools:
  - type: native
    name: rust
    description: "A handler in Rust"
    handler:
      path: handlers::deep::Handler
      inline: "fn main() {}"
    params:
      n: { type: integer, required: true, description: "Position", minimum: 0, maximum: 50 }
      simple: string
      data: { type: object, required: false, default: { a: [1] } }
      format: { type: string, required: false, default: json, enum: [json, yaml] }
      checked: { type: string, validation: { pattern: "^a", min_length: 1, max_length: 9 } }
      many: { type: array, items: { type: string }, required: false }
    timeout_ms: 1000
  - type: cli
    name: log
    description: "Logs"
    command: journalctl
    args: ["-f", "-n", "{{lines}}"]
    cwd: /tmp
    env: { LEVEL: debug }
    stream: true
    timeout_ms: 30000
  - type: http
    name: api
    description: "An API"
    endpoint: "https://api.example.com/users/{{username}}"
    method: GET
    headers: { Accept: application/json, Authorization: "Bearer ${TOKEN}" }
    query: { page: "{{page}}" }
    auth: { type: apikey, key: "${KEY}", header: X-Key }
    timeout_ms: 10000
    retry: { max_attempts: 3, backoff_ms: 1000 }
  - type: pipeline
    name: workflow
    description: "All of them"
    steps:
      - tool: rust
        params: { n: 10, simple: a, checked: abc }
        output_var: first
      - tool: log
        input: { lines: "{{first}}" }
        condition: "!first"
        error_policy: continue
      - tool: api
        error_policy: fail_fast
    params: {}
resources:
  - uri_template: "file://{path}"
    handler: { path: handlers::file }
    supports: [read, write]
prompts:
  - name: p
    description: d
    template: "{{x}} {% if y %}"
    arguments: { x: { type: string } }
"""


def test_a_pforge_file_with_everything_loads():
    """Every field of pforge's own configuration; what is not used here is kept and named."""
    forge = loads(PFORGE)
    assert list(forge.tools) == ["rust", "log", "api", "workflow"]
    assert forge["workflow"].steps[0].input == {"n": 10, "simple": "a", "checked": "abc"}
    assert set(forge.unused) == {"resources", "prompts", "transport", "optimization"}
    assert forge.tools["rust"].params["n"].fault(51) == "must be at most 50, not 51"
    assert forge.tools["api"].retry.backoff == 1.0
    assert loads(forge["workflow"].to_yaml()) == forge["workflow"]
