import io
import stat
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.config import Documents
from service.core import State
from service.retrieval.loaders import Loaded, Unreadable, load

from .made import LIMITS, docx, paragraph

Files = dict[str, bytes]


def zipped(files: Files) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return file.getvalue()


def opened(data: bytes, limits: Documents = LIMITS) -> Loaded:
    return load(data, "a.zip", "m", limits)


def test_files_come_out_with_their_folders() -> None:
    word = docx(paragraph("Rent"))
    loaded = opened(
        zipped({"a/": b"", "a/lease.docx": word, "a\\b\\c.txt": b"x", "ä.txt": b"y", "none.txt": b""})
    )
    assert [(file.name, file.data) for file in loaded.attachments] == [
        ("a/lease.docx", word),
        ("a/b/c.txt", b"x"),
        ("ä.txt", b"y"),
    ]
    assert (loaded.document.kind, loaded.document.text) == ("zip", "")
    assert [entry.fate for entry in loaded.document.ledger] == ["attached", "dropped"]


def test_names_never_lead_out() -> None:
    loaded = opened(
        zipped({"../../etc/passwd": b"1", "/srv/b.txt": b"2", "C:\\c.txt": b"3", "a/../../d": b"4"})
    )
    assert [file.name for file in loaded.attachments] == ["passwd", "b.txt", "c.txt", "d"]
    assert "Names that led out of the archive's folder: 4" in loaded.document.ledger[-1].reason


def test_a_member_without_a_name_costs_nothing() -> None:
    assert [file.name for file in opened(zipped({".": b"1", "b.txt": b"2"})).attachments] == ["file", "b.txt"]


@given(st.lists(st.text("ab./\\: ", min_size=1, max_size=8), min_size=1, max_size=4, unique=True))
def test_any_name_stays_inside(names: list[str]) -> None:
    try:
        loaded = opened(zipped(dict.fromkeys(names, b"x")))
    except Unreadable:
        return
    for file in loaded.attachments:
        assert file.name
        assert not file.name.startswith("/")
        assert ".." not in file.name.split("/")


def test_an_archive_in_the_archive_is_opened_and_one_inside_that_is_not() -> None:
    inner = zipped({"deep.zip": zipped({"x.txt": b"x"}), "b.txt": b"b"})
    loaded = opened(zipped({"in.zip": inner, "a.txt": b"a"}))
    assert [file.name for file in loaded.attachments] == ["in.zip/b.txt", "a.txt"]
    assert "not opened" in loaded.document.ledger[-1].reason


def test_links_junk_and_encrypted_members_are_left_out() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        link = zipfile.ZipInfo("link")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("__MACOSX/x", "x")
        archive.writestr("a/.DS_Store", "x")
        archive.writestr("a.txt", "a")
        archive.writestr("b.txt", "locked")
    data = bytearray(file.getvalue())
    for magic, flags in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        at = data.rfind(magic)
        data[at + flags] |= 1
    loaded = opened(bytes(data))
    assert [member.name for member in loaded.attachments] == ["a.txt"]
    assert [entry.fate for entry in loaded.document.ledger] == ["attached", "unread", "dropped", "dropped"]


def test_an_archive_that_is_all_locked_is_encrypted() -> None:
    data = bytearray(zipped({"a.txt": b"a"}))
    data[data.find(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(Unreadable) as caught:
        opened(bytes(data))
    assert caught.value.state is State.ENCRYPTED


def test_bombs() -> None:
    bomb = zipped({"bomb": b"\0" * 20_000_000, "a.txt": b"a"})
    loaded = opened(bomb)
    assert [file.name for file in loaded.attachments] == ["a.txt"]
    assert "hundreds of times" in loaded.document.ledger[-1].reason
    with pytest.raises(Unreadable) as caught:
        opened(
            zipped({f"{n}.txt": bytes(range(256)) * 2_000 for n in range(10)}), Documents(max_bytes=1_000_000)
        )
    assert caught.value.state is State.TOO_LARGE
    with pytest.raises(Unreadable) as caught:
        opened(zipped({f"{n}.txt": b"x" for n in range(2001)}))
    assert caught.value.state is State.TOO_LARGE


def test_a_damaged_member_does_not_cost_the_others() -> None:
    data = bytearray(zipped({"a.txt": b"the rent is due " * 50, "b.txt": b"b"}))
    at = data.find(b"PK\x03\x04") + 30 + len("a.txt")
    data[at : at + 8] = b"\xff" * 8
    loaded = opened(bytes(data))
    assert [file.name for file in loaded.attachments] == ["b.txt"]
    assert "Damaged files in the archive: 1" in loaded.document.ledger[-1].reason
