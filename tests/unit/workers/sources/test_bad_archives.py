"""Each broken or hostile archive has one clear message, and leaves nothing behind."""

import gzip
import io
import tarfile
import zipfile

import pytest

from contract.errors import ModelSourceError
from contract.memory import MIB
from tests.support.archives import cut, member, tar, zipped
from tests.support.saved_model_files import DATA, DATA_BYTES, GRAPH, INDEX, saved_model_files
from workers.sources import fetch_source
from workers.sources.archive import ArchiveLimits

GOOD = saved_model_files("m/saved_model/")


def without(name, **other):
    return {key: content for key, content in saved_model_files().items() if key != name} | other


def long_header(path):
    """A header that says it is 64 MiB long: tarfile would read it into memory at once."""
    info = member("x", tarfile.XHDTYPE)
    info.size = 64 * MIB
    with gzip.open(path, "wb") as file:
        file.write(info.tobuf() + bytes(info.size))
    return path


def headers_without_end(path):
    """tarfile goes one call deeper for each header of headers."""
    info = member("x", tarfile.XHDTYPE)
    path.write_bytes(gzip.compress(info.tobuf(tarfile.USTAR_FORMAT) * 5000))
    return path


def sparse_lie(path):
    """Says a member of a petabyte follows."""
    info = tarfile.TarInfo("saved_model.pb")
    info.size = 2**50
    path.write_bytes(gzip.compress(info.tobuf(tarfile.GNU_FORMAT) + bytes(1024)))
    return path


def encrypted(path):
    zipped(path, saved_model_files())
    content = bytearray(path.read_bytes())
    position = content.find(b"PK\1\2")
    content[position + 8] |= 1
    path.write_bytes(bytes(content))
    return path


def linked_zip(path):
    with zipfile.ZipFile(path, "w") as archive:
        info = zipfile.ZipInfo("saved_model.pb")
        info.external_attr = 0o120777 << 16
        archive.writestr(info, "/etc/passwd")
    return path


def damaged_zip(path):
    zipped(path, saved_model_files())
    content = bytearray(path.read_bytes())
    content[2_000_000] ^= 0xFF
    path.write_bytes(bytes(content))
    return path


def raw(content):
    def write(path):
        path.write_bytes(content)
        return path

    return write


BAD = {
    "is empty": (raw(b""), "is not an archive"),
    "text": (raw(b"no archive at all" * 100), "is not an archive: expected .tar.gz, .tar or .zip"),
    "web page": (raw(b"\n<!DOCTYPE html><html>"), "is a web page, not an archive"),
    "gzip of something else": (raw(gzip.compress(b"cat" * 1000)), "the archive is damaged or cut off"),
    "gzip cut": (lambda path: cut(tar(path, GOOD), 2_000_000), "the archive is damaged or cut off"),
    "gzip cut at its end": (lambda path: cut(tar(path, GOOD), -9), "the archive is damaged or cut off"),
    "gzip header only": (lambda path: cut(tar(path, GOOD), 12), "the archive is damaged or cut off"),
    "tar cut in a member": (
        lambda path: cut(tar(path, GOOD, mode="w:"), 2_000_000),
        "the archive is damaged or cut off",
    ),
    "tar cut between members": (lambda path: cut(tar(path, GOOD, mode="w:"), 1024), "its end is missing"),
    "zip cut": (lambda path: cut(zipped(path, GOOD), -100), "the archive is damaged or cut off"),
    "zip damaged": (damaged_zip, "the archive is damaged or cut off"),
    "zip encrypted": (encrypted, "is encrypted"),
    "leads out": (lambda path: tar(path, {"../../evil": b"x"}), "'../../evil' leads out of its directory"),
    "leads out later": (lambda path: tar(path, {"a/b/../../../evil": b"x"}), "leads out of its directory"),
    "absolute": (lambda path: tar(path, {"/etc/evil": b"x"}), "'/etc/evil' is absolute"),
    "zip leads out": (lambda path: zipped(path, {"../evil": b"x"}), "'../evil' leads out of its directory"),
    "zip absolute": (lambda path: zipped(path, {"/etc/evil": b"x"}), "'/etc/evil' is absolute"),
    "zip with backslashes": (lambda path: zipped(path, {"a\\..\\..\\evil": b"x"}), "has a backslash"),
    "zip with a link": (linked_zip, "'saved_model.pb' is a link; pack the file itself"),
    "link that leads out": (
        lambda path: tar(path, GOOD, [member("m/x", tarfile.SYMTYPE, "../../etc")]),
        "'m/x' is a link that leads out",
    ),
    "absolute link": (
        lambda path: tar(path, GOOD, [member("x", tarfile.SYMTYPE, "/etc")]),
        "'x' is a link that leads out",
    ),
    "hard link that leads out": (
        lambda path: tar(path, GOOD, [member("a/b/x", tarfile.LNKTYPE, "../etc/passwd")]),
        "'a/b/x' is a link that leads out",
    ),
    "link for the graph": (
        lambda path: tar(path, without("saved_model.pb"), [member("saved_model.pb", tarfile.SYMTYPE, "graph")]),
        "'saved_model.pb' is a link; pack the file itself",
    ),
    "device": (lambda path: tar(path, GOOD, [member("null", tarfile.CHRTYPE)]), "'null' is neither a file nor"),
    "pipe": (lambda path: tar(path, GOOD, [member("pipe", tarfile.FIFOTYPE)]), "'pipe' is neither a file nor"),
    "bomb": (lambda path: tar(path, {"saved_model.pb": bytes(40 * MIB)}), "unpacks to more than 100 times its size"),
    "zip bomb": (lambda path: zipped(path, {"saved_model.pb": bytes(40 * MIB)}), "more than 100 times its size"),
    "long header": (long_header, "has a header of more than"),
    "headers without an end": (headers_without_end, "the archive is damaged or cut off"),
    "says a petabyte follows": (sparse_lie, "unpacks to more than"),
    "no model": (lambda path: tar(path, {"m/ckpt-0.index": b"x"}), "has no saved_model.pb: expected a SavedModel"),
    "nothing": (lambda path: tar(path, {}), "has no saved_model.pb"),
    "several models": (
        lambda path: tar(path, saved_model_files("b/") | saved_model_files("a/")),
        "SavedModels found in a, b; name the one that is meant",
    ),
    "no variables": (lambda path: tar(path, {"saved_model.pb": GRAPH}), "variables/variables.index is missing"),
    "data without index": (lambda path: tar(path, without("variables/variables.index")), "variables.index is missing"),
    "index without data": (
        lambda path: tar(path, without(DATA)),
        f"{DATA} is missing, which variables.index refers to",
    ),
    "data of another number": (
        lambda path: tar(path, without(DATA) | {"variables/variables.data-00000-of-00002": b"x"}),
        f"{DATA} is missing",
    ),
    "data cut off": (
        lambda path: tar(path, without(DATA) | {DATA: b"x" * 1000}),
        f"{DATA} is cut off: 1000 bytes, and variables.index says {DATA_BYTES}",
    ),
    "index cut off": (
        lambda path: tar(path, saved_model_files() | {"variables/variables.index": INDEX[:-30]}),
        "variables.index is damaged or cut off",
    ),
    "index of nonsense": (
        lambda path: tar(path, saved_model_files() | {"variables/variables.index": b"\xff" * 40 + INDEX[-8:]}),
        "variables.index is damaged or cut off",
    ),
    "empty graph": (lambda path: tar(path, saved_model_files() | {"saved_model.pb": b""}), "saved_model.pb is empty"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_archive_has_one_message_and_leaves_nothing(tmp_path, case):
    make, says = BAD[case]
    (tmp_path / "home").mkdir()
    source = make(tmp_path / "home" / "model.archive")
    here = tmp_path / "work"

    with pytest.raises(ModelSourceError) as refused:
        fetch_source(str(source), here / "staging")

    assert says in str(refused.value)
    assert str(refused.value).startswith(f"{source}: ")
    assert "\n" not in str(refused.value)
    assert list(here.iterdir()) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "work"]


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        (ArchiveLimits(files_max=2), "has more than 2 files"),
        (ArchiveLimits(bytes_max=1 * MIB), f"unpacks to more than {MIB} bytes"),
    ],
)
@pytest.mark.parametrize("pack", [tar, zipped])
def test_bounds_are_those_that_were_asked_for(tmp_path, pack, limits, says):
    source = pack(tmp_path / "model.archive", GOOD)

    with pytest.raises(ModelSourceError, match=says):
        fetch_source(str(source), tmp_path / "staging", archive_limits=limits)

    assert not (tmp_path / "staging").exists()


def test_an_archive_of_many_members_is_not_read_to_its_end(tmp_path):
    # Given a member after the bound that would be refused for its name
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for number in range(20_000):
            archive.addfile(tarfile.TarInfo(f"f{number}"))
        archive.addfile(tarfile.TarInfo("../evil"))
    (tmp_path / "many.tgz").write_bytes(content.getvalue())

    with pytest.raises(ModelSourceError, match="has more than 10000 files"):
        fetch_source(str(tmp_path / "many.tgz"), tmp_path / "staging")
