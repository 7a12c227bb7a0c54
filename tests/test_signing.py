"""The key of a user, and what its signature of a snapshot covers."""

from __future__ import annotations

import stat

import pytest

import pforge_lab as pf
from pforge_lab import trust
from pforge_lab.runs.journal import Journal


def test_the_key_is_made_once_and_for_the_user_alone(key, tmp_path):
    key("new key")
    first = trust.signing_key()
    assert len(first) == 32
    assert stat.S_IMODE((tmp_path / "new key").stat().st_mode) == 0o600
    assert trust.signing_key() == first
    assert [path.name for path in tmp_path.iterdir()] == ["new key"]


@pytest.mark.parametrize(("content", "message"), [(b"short", "no signing key .*under 32 bytes.*remove it")])
def test_a_file_that_is_no_key_is_told(key, tmp_path, content, message):
    (tmp_path / "bad").write_bytes(content)
    key("bad")
    with pytest.raises(pf.PforgeError, match=message):
        trust.signing_key()


def test_a_key_that_cannot_be_read_is_told(key, tmp_path):
    (tmp_path / "folder").mkdir()
    key("folder")
    with pytest.raises(pf.PforgeError, match=r"folder cannot be used .*point PFORGE_KEY at another file"):
        trust.signing_key()


def test_a_signature_holds_for_what_was_signed_under_the_same_key(key):
    key("a")
    digests = [trust.digest(b"one"), trust.digest(b"two")]
    signature = trust.sign(digests)
    assert trust.verify(digests, signature)
    assert not trust.verify(digests[:1], signature)
    assert not trust.verify(digests[::-1], signature)
    assert not trust.verify(digests, "")
    key("b")
    assert not trust.verify(digests, signature)


def test_a_key_of_any_length_signs(key, tmp_path):
    """A team may point at a file with more than is needed; all of it counts."""
    signatures = set()
    for name, content in {"long": b"k" * 100, "longer": b"k" * 101, "exact": b"k" * 64}.items():
        (tmp_path / name).write_bytes(content)
        key(name)
        signatures.add(trust.sign([trust.digest(b"one")]))
    assert len(signatures) == 3


def test_a_stream_that_was_changed_is_not_loaded(numbers_run):
    run, state = numbers_run
    journal = Journal(state, run.id)
    forged = state.get_json(journal.key(0, 1, "manifest"))
    forged["groups"][0][3] = "Y3Bvc2l4CnN5c3RlbQou"  # cposix\nsystem\n.
    state.set_json(journal.key(0, 1, "manifest"), forged)
    with pytest.raises(pf.StateCorrupt, match="does not match its digest"):
        dict(run.at(1).variables)


@pytest.mark.parametrize("part", ["groups", "prints", "not_kept", "told"])
def test_whatever_is_changed_in_a_snapshot_it_is_signed_no_more(numbers_run, part):
    """Names, order, chunks, fingerprints, reasons and previews are all under the signature."""
    run, state = numbers_run
    key = Journal(state, run.id).key(0, 1, "manifest")
    forged = state.get_json(key)
    if part == "groups":
        forged["groups"][0][0] = ["another"]
    else:
        forged[part]["another"] = ["int", "", "1"] if part == "told" else "text"
    assert Journal(state, run.id).manifest(0, 1).is_ours
    state.set_json(key, forged)
    assert not Journal(state, run.id).manifest(0, 1).is_ours


def test_a_snapshot_read_and_written_again_is_signed_as_before(numbers_run):
    """Its JSON is the same bytes, names that have no UTF-8 form included."""
    run, state = numbers_run
    run.set(odd=chr(0xDC80))
    journal = Journal(state, run.id)
    assert all(journal.manifest(0, position).is_ours for position in (0, 1, 2))
    assert journal.manifest(0, 0).to_bytes() == state.get(journal.key(0, 0, "manifest"))


def test_what_differs_from_a_snapshot_that_was_changed_is_signed_no_more(numbers_run):
    """A difference is signed behind the snapshot it differs from: changing that one breaks both."""
    run, state = numbers_run
    run.set(b=2)
    journal = Journal(state, run.id)
    assert "since" in state.get_json(journal.key(0, 2, "manifest"))
    forged = state.get_json(journal.key(0, 1, "manifest"))
    forged["told"]["another"] = ["int", "", "1"]
    state.set_json(journal.key(0, 1, "manifest"), forged)
    assert [journal.manifest(0, position).is_ours for position in (0, 1, 2)] == [True, False, False]


def test_a_snapshot_that_was_moved_to_another_step_holds_what_you_signed_and_nothing_else(numbers_run):
    """Where it stands is not under the signature: history can be mixed up by whoever writes the store, not forged."""
    run, state = numbers_run
    journal = Journal(state, run.id)
    first = dict(run.at(0).variables)
    assert dict(run.at(1).variables) != first
    state.set(journal.key(0, 1, "manifest"), state.get(journal.key(0, 0, "manifest")))
    assert dict(run.at(1).variables) == first
    assert Journal(state, run.id).manifest(0, 1).is_ours


def test_a_signature_over_other_streams_is_none(numbers_run):
    run, state = numbers_run
    journal = Journal(state, run.id)
    forged = state.get_json(journal.key(0, 1, "manifest"))
    stream = b"cposix\nsystem\n."
    forged["groups"][0][1] = trust.digest(stream)
    forged["groups"][0][3] = "Y3Bvc2l4CnN5c3RlbQou"
    state.set_json(journal.key(0, 1, "manifest"), forged)
    with pytest.raises(pf.UntrustedData, match=r"posix\.system"):
        dict(run.at(1).variables)
