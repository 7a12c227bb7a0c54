"""``load`` says what looks wrong in a file, and what of it is not used here."""

from __future__ import annotations

FORGE = """
forge: { name: shop, transport: stdio }
prompts: [{ name: hello }]
tools:
  - { type: native, name: size, handler: { path: "builtins:len" } }
  - type: pipeline
    name: inner
    params: { q: any }
    steps: [{ tool: size, input: { obj: "{{ qq }}" } }]
  - type: pipeline
    name: outer
    params: {}
    steps: [{ tool: inner, input: { q: 1 }, output_var: out }]
"""


def test_a_forge_is_told_of_once(pforge, folder):
    """A nested pipeline by its own name, and in one line what only pforge uses."""
    (folder / "shop.yaml").write_text(FORGE)
    said = pforge("load", "shop.yaml")
    assert said.code == 0
    assert said.err.splitlines() == [
        "inner, params: param 'q' is never read",
        "inner, size: reads 'qq', which nothing writes, did you mean 'q'?",
        "shop: prompts, transport: kept for pforge, and not used here",
    ]


def test_a_pipeline_with_another_inside(pforge, folder):
    """What looks wrong inside is told with the step that calls it."""
    tools = FORGE.partition("tools:\n")[2].partition("  - type: pipeline\n    name: outer")[0]
    (folder / "p.yaml").write_text(f"name: p\ntools:\n{tools}steps: [{{ tool: inner, input: {{ q: 1 }} }}]\n")
    assert (
        "p, inner/size: reads 'qq', which nothing writes, did you mean 'q'?" in pforge("load", "p.yaml").err
    )
