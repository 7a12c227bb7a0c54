"""What texts of the environment mean to the engine."""

from __future__ import annotations

import pytest

import pforge_lab as pf
from pforge_lab.papermill_engine.options import Options


def taken(monkeypatch, **texts):
    """Return what the engine is asked for by the environment."""
    for name, text in texts.items():
        monkeypatch.setenv(f"PFORGE_{name.upper()}", text)
    return Options.taken({})


@pytest.mark.parametrize("name", ["report", "snapshots", "strict"])
@pytest.mark.parametrize(
    ("texts", "meant"),
    [
        (["1", "true", "True", "yes", " on "], True),
        (["0", "false", "False", "NO", "off", ""], False),
    ],
    ids=["yes", "no"],
)
def test_yes_and_no_may_be_said_in_any_of_the_usual_words(name, texts, meant, monkeypatch):
    assert [getattr(taken(monkeypatch, **{name: text}), name) for text in texts] == [meant] * len(texts)


@pytest.mark.parametrize(
    ("text", "run"),
    [("true", "1"), ("Yes", "1"), ("1", "1"), ("off", None), ("0", None), ("", None), ("night@1", "night@1")],
)
def test_resume_is_yes_or_no_or_the_id_of_a_run(text, run, monkeypatch):
    assert taken(monkeypatch, resume=text).resume == run


@pytest.mark.parametrize(
    ("text", "kept"), [("2", 2), ("all", "all"), ("records", "records"), ("", Options().keep)]
)
def test_keep_is_a_number_or_a_word(text, kept, monkeypatch):
    assert taken(monkeypatch, keep=text).keep == kept


def test_patterns_may_have_spaces_around_them(monkeypatch):
    assert taken(monkeypatch, exclude="a*, b ,").exclude == ("a*", "b")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("report", "nein", "PFORGE_REPORT is 1, true, yes or on, or 0, false, no or off, not 'nein'"),
        ("keep", "0", "PFORGE_KEEP is 'all', a number from 1 on, or 'records', not '0'"),
        ("keep", "al", "PFORGE_KEEP is 'all', a number from 1 on, or 'records', not 'al'"),
    ],
)
def test_what_means_nothing_is_refused_with_the_name_of_the_variable(name, text, message, monkeypatch):
    with pytest.raises(pf.UsageError) as caught:
        taken(monkeypatch, **{name: text})
    assert str(caught.value) == message


def test_a_keyword_goes_before_the_environment(monkeypatch):
    monkeypatch.setenv("PFORGE_KEEP", "2")
    assert Options.taken({"pforge_keep": "records"}).keep == "records"
