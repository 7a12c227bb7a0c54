"""Files of runs that are not what they should be: refused as a whole, with the member named."""

from __future__ import annotations

import json
import random
import zipfile

import pytest
from blake3 import blake3

import pforge_lab as pf
from pforge_lab.runs import archive, checking, coding
from tests.runs.two_lines import elsewhere, two_lines


@pytest.fixture
def run(place):
    """Return a finished run with two lines and an attempt that failed."""
    with two_lines(place) as run:
        yield run


@pytest.fixture
def file(run, tmp_path):
    return pf.export_run(run, tmp_path / "run.pfz")


# -- files that are not what they should be


def refused(path, match, state=None):
    state = state or elsewhere()
    with pytest.raises(pf.StateCorrupt, match=match) as caught:
        pf.import_run(path, state)
    assert state.keys() == []
    assert "have it exported and sent again" in str(caught.value)


def test_any_truncation_is_refused(file, heavy):
    whole, cut = file.read_bytes(), file.with_name("cut.pfz")
    generator = random.Random(1)
    for length in [0, 1, 60, len(whole) - 1, *(generator.randrange(len(whole)) for _ in range(heavy(200)))]:
        cut.write_bytes(whole[:length])
        refused(cut, "is damaged or no run that pforge_lab exported")


def test_a_flipped_bit_is_found_and_its_member_named(run, file, heavy):
    """In a member it is found; in what zip has beside them it is found or changes nothing."""
    whole, bad = file.read_bytes(), file.with_name("bad.pfz")
    generator = random.Random(2)
    with zipfile.ZipFile(file) as opened:
        starts = {info.filename: info.header_offset + 30 + len(info.filename) for info in opened.infolist()}
        sizes = {info.filename: info.file_size for info in opened.infolist()}
    for name in generator.choices(sorted(starts), k=heavy(150)):
        place = starts[name] + generator.randrange(max(1, sizes[name]))
        bad.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        refused(bad, f"member '{name}'")
    for _ in range(heavy(200)):
        place = generator.randrange(len(whole))
        bad.write_bytes(
            whole[:place] + bytes([whole[place] ^ 1 << generator.randrange(8)]) + whole[place + 1 :]
        )
        try:
            copy = pf.import_run(bad, elsewhere())
        except pf.StateCorrupt:
            continue
        assert copy["extra"] == run["extra"]


class Forged:
    """An archive whose members can be changed, with an index that fits again."""

    def __init__(self, file):
        with zipfile.ZipFile(file) as opened:
            self.members = {name: opened.read(name) for name in opened.namelist()}
        self.index = json.loads(self.members.pop("index"))
        self.path = file.with_name("forged.pfz")

    def change(self, name, change):
        """Change a JSON member."""
        facts = json.loads(self.members[name])
        change(facts)
        self.members[name] = json.dumps(facts).encode()

    def write(self, *, compression=zipfile.ZIP_STORED, extra=()):
        """Write the archive and return its path."""
        listed = {name: [len(data), blake3(data).hexdigest()] for name, data in self.members.items()}
        index = json.dumps(self.index | {"members": listed}).encode()
        with zipfile.ZipFile(self.path, "w", compression) as opened:
            for name, data in [*self.members.items(), *extra, ("index", index)]:
                opened.writestr(name, data)
            opened.comment = archive.FORMAT + blake3(index).hexdigest().encode()
        return self.path


@pytest.fixture
def forged(file):
    return Forged(file)


def test_a_forgery_that_changes_nothing_is_read(forged, run):
    assert pf.import_run(forged.write(), elsewhere()).position == run.position


@pytest.mark.parametrize(
    "name", ["../../evil", "/etc/passwd", "chunk/../../x", "chunk/" + "g" * 32, "HEAD", "a\\b"]
)
def test_names_that_no_run_has_are_refused(forged, name):
    forged.members[name] = b""
    refused(forged.write(), "there is a member .*, which no run has")


def test_compressed_members_are_refused(forged):
    refused(forged.write(compression=zipfile.ZIP_DEFLATED), "is compressed or encrypted")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_members_that_occur_twice_are_refused(forged):
    refused(forged.write(extra=[("head", b"{}")]), "a member occurs twice")


def test_members_that_belong_to_nothing_are_refused(forged):
    forged.members["chunk/" + "0" * 32] = b"R"
    refused(forged.write(), "member 'chunk/0{32}' is missing or belongs to nothing")


def test_missing_members_are_named(forged):
    chunk = next(name for name in forged.members if name.startswith("chunk/"))
    del forged.members[chunk]
    refused(forged.write(), f"member '{chunk}' is missing")
    del forged.members["00000000/00000001/record"]
    refused(forged.write(), "member '00000000/00000001/record' is missing")


def test_members_that_are_too_large_are_refused(forged):
    chunk = next(name for name in forged.members if name.startswith("chunk/"))
    forged.members[chunk] = b"R" + bytes(5 << 20)
    refused(forged.write(), f"member '{chunk}' claims 5,242,881 bytes, and 4,194,304 are allowed")


def test_chunks_that_are_not_what_their_id_says_are_refused(forged):
    """Else another run's variables could be replaced."""
    chunk = next(name for name in forged.members if name.startswith("chunk/"))
    forged.members[chunk] = coding.raw(memoryview(b"something else"))
    refused(forged.write(), f"member '{chunk}' is not what its name says")


def test_chunks_that_unpack_to_more_than_a_chunk_are_refused(forged):
    chunk = next(name for name in forged.members if name.startswith("chunk/"))
    forged.members[chunk] = coding.ZSTD + coding.zstd.compress(bytes(64 << 20))
    assert len(forged.members[chunk]) < 200_000
    refused(forged.write(), f"member '{chunk}' cannot be read")


def test_chunks_that_differ_from_one_another_in_a_ring_are_refused(forged):
    chunk = next(name for name in forged.members if name.startswith("chunk/"))
    forged.members[chunk] = coding.PATCH + bytes.fromhex(chunk.removeprefix("chunk/"))
    refused(forged.write(), "is a difference to a difference")


def test_buffers_of_another_size_than_their_chunks_are_refused(forged):
    """Else loading one would take as much memory as it claims."""

    def claim(manifest):
        buffers = next(group[4] for group in manifest["groups"] if group[4])
        buffers[0][0] = 10**15

    forged.change("00000000/00000001/manifest", claim)
    refused(forged.write(), "member '00000000/00000001/manifest' claims a buffer of another size")


@pytest.mark.parametrize(
    "lines",
    [
        {"all": [], "number": 0, "position": 0},
        {"all": [{"number": 0, "parent": None, "base": 0, "end": 10**12}], "number": 0, "position": 0},
        {"all": [{"number": 0, "parent": 0, "base": 0, "end": 1}], "number": 0, "position": 0},
        {"all": [{"number": 0, "parent": None, "base": 0, "end": 1}], "number": 0, "position": 9},
        {"all": [{"number": 0, "parent": None, "base": 0, "end": 1}], "number": 3, "position": 0},
    ],
)
def test_lines_that_no_run_has_are_refused(forged, lines):
    forged.change("head", lambda head: head.update(lines=lines))
    refused(forged.write(), "member 'head' has lines that no run has")


@pytest.mark.parametrize(
    "name", ["head", "definition", "00000000/00000001/record", "00000000/00000001/manifest"]
)
@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b"null", b"\xff", b"[" * 100_000])
def test_members_that_cannot_be_read_are_named(forged, name, data):
    forged.members[name] = data
    refused(forged.write(), f"member '{name}' cannot be read")


def test_a_record_over_one_that_is_not_there_is_refused(forged):
    def unfound(record):
        del record["sizes"]
        record["resized"] = {}

    forged.change("00000000/00000001/record", unfound)
    refused(forged.write(), "member '00000000/00000001/record' cannot be read \\(LookupError")


def test_a_snapshot_that_differs_from_one_that_is_not_there_is_refused(forged):
    facts = {"since": 7, "dropped": [], "gone": []}
    forged.change("00000000/00000001/manifest", lambda manifest: manifest.update(facts))
    refused(forged.write(), "member '00000000/00000001/manifest' differs from what is not there")


def test_records_that_make_up_more_than_a_run_may_are_refused(forged, monkeypatch):
    """A few bytes a record can stand for all the sizes of the record before it."""
    monkeypatch.setattr(checking, "_MOST_SIZES", 3)
    refused(forged.write(), "its records tell sizes of more than 3 variables")


def test_a_pipeline_that_is_none_is_refused(forged):
    forged.change("definition", lambda facts: facts["pipeline"].update(steps=[{"nonsense": 1}]))
    refused(forged.write(), "member 'definition' cannot be read \\(SpecError")


def test_a_list_of_more_members_than_any_run_has_is_not_read(forged):
    data = bytearray(forged.write().read_bytes())
    end = len(data) - archive._END.size - archive._COMMENT
    data[end + 12 : end + 16] = (archive._MOST_DIRECTORY + 1).to_bytes(4, "little")
    forged.path.write_bytes(data)
    refused(forged.path, "it claims .* members, more than any run has")


def test_a_file_larger_than_allowed_is_not_read(file):
    size = file.stat().st_size
    with pytest.raises(pf.UsageError, match=f"if you expect that, pass max_bytes={size}"):
        pf.import_run(file, elsewhere(), max_bytes=size - 1)
    assert pf.import_run(file, elsewhere(), max_bytes=size)


def test_other_files_are_refused(tmp_path):
    (tmp_path / "text.pfz").write_text("no zip at all" * 100, encoding="utf-8")
    refused(tmp_path / "text.pfz", "it does not end as one")
    with zipfile.ZipFile(tmp_path / "other.pfz", "w") as other:
        other.writestr("x" * 200, "y")
    refused(tmp_path / "other.pfz", "it does not end as one")
    with pytest.raises(
        pf.UsageError, match="cannot read .*missing.pfz: No such file or directory; name a file"
    ):
        pf.import_run(tmp_path / "missing.pfz", elsewhere())


def test_a_running_run_arrives_as_interrupted_and_carries_nothing_on(forged):
    forged.change("head", lambda head: head.update(status="running", carry="theirs"))
    copy = pf.import_run(forged.write(), elsewhere())
    assert (copy.status, copy.head.carry) == ("interrupted", None)
