"""Versions, attachments, deletion and reading anew, through the real Library."""

import io
import threading
import time
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path

import pytest

from service.core import Document, Filed, Passage, State
from service.errors import BadRequest, NotFound
from service.retrieval import filing
from service.retrieval.embed import Vectors
from service.retrieval.library import Library
from service.storage import Database
from tests.retrieval.house import HashEmbedder, database, library, scope
from tests.retrieval.loaders.made import pdf as lease
from tests.retrieval.loaders.portfolio import PICTURE, SHOWN, Inner, portfolio

A, B = scope("mat-a"), scope("mat-b")
OLD = b"1. Rent. The tenant shall pay a rent of 900 pounds a quarter."
NEW = b"1. Rent. The tenant shall pay a rent of 1,200 pounds a quarter."
NEWEST = b"1. Rent. The tenant shall pay a rent of 1,500 pounds a quarter."
BROKEN = b"%PDF-1.7 broken"


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Database]:
    made = database(tmp_path, "mat-a", "mat-b")
    yield made
    made.close()


@pytest.fixture
def shelves(tmp_path: Path, made: Database) -> Iterator[Library]:
    shelves = library(tmp_path, made, documents={"max_bytes": 50_000})
    yield shelves
    assert shelves.wait(240)
    shelves.check()
    shelves.close()


def add(shelves: Library, data: bytes, name: str = "lease.txt", replaces: str = "") -> Filed:
    filed = shelves.add(data, name, A, "mat-a", "u1", replaces=replaces)
    assert shelves.wait(240)
    return filed


def rents(shelves: Library) -> list[str]:
    found = shelves.search("the rent of the tenant in pounds", A).passages
    return [figure for passage in found for figure in ("900", "1,200", "1,500") if figure in passage.text]


def mail(*files: tuple[str, bytes], text: str = "Dear Ada, the deed is attached.") -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "ada@example.org", "bob@example.org", "The deed"
    message["Date"] = "Mon, 01 Mar 2021 10:00:00 +0000"
    message.set_content(text)
    for name, data in files:
        message.add_attachment(data, maintype="application", subtype="octet-stream", filename=name)
    return message.as_bytes()


def packed(*files: tuple[str, bytes]) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for name, data in files:
            archive.writestr(zipfile.ZipInfo(name), data)
    return held.getvalue()


def titles(found: Sequence[Filed]) -> list[str]:
    return sorted(filed.title for filed in found)


def test_a_new_version_takes_the_place_of_the_old(shelves: Library) -> None:
    old = add(shelves, OLD)
    new = add(shelves, NEW, "lease 2.txt", replaces=old.id)
    assert rents(shelves) == ["1,200"]
    assert [f.id for f in shelves.documents(A, "mat-a")] == [new.id]
    versions = shelves.versions(old.id, A)
    assert [(f.id, f.version, f.current) for f in versions] == [(new.id, 2, True), (old.id, 1, False)]
    assert shelves.read(old.id, A).text == OLD.decode()
    assert shelves.original(old.id, A)[0].read_bytes() == OLD
    assert shelves.search("rent", A).coverage.documents == 1


def test_a_replacement_that_cannot_be_read_leaves_the_old_one(shelves: Library) -> None:
    old = add(shelves, OLD)
    bad = add(shelves, BROKEN, "lease.pdf", replaces=old.id)
    assert shelves.get(bad.id, A).state is State.DAMAGED
    assert rents(shelves) == ["900"]
    assert titles(shelves.documents(A, "mat-a")) == ["lease.pdf", "lease.txt"]
    assert shelves.remove(bad.id, A) == 1
    assert rents(shelves) == ["900"]
    add(shelves, NEW, replaces=old.id)
    assert rents(shelves) == ["1,200"]


def test_a_replacement_that_is_too_large_leaves_the_old_one(shelves: Library) -> None:
    old = add(shelves, OLD)
    big = shelves.add(b"x" * 60_000, "big.txt", A, "mat-a", "u1", replaces=old.id)
    assert (big.state, big.current) == (State.TOO_LARGE, False)
    assert rents(shelves) == ["900"]


def test_an_old_version_can_come_back(shelves: Library) -> None:
    old = add(shelves, OLD)
    new = add(shelves, NEW, replaces=old.id)
    again = shelves.add(OLD, "lease.txt", A, "mat-a", "u1")
    assert again.state is State.DUPLICATE
    assert "version 1" in again.reason
    assert shelves.add(NEW, "lease.txt", A, "mat-a", "u1", replaces=new.id).state is State.DUPLICATE
    add(shelves, OLD, replaces=new.id)
    assert rents(shelves) == ["900"]
    assert [(f.id, f.version) for f in shelves.versions(new.id, A)] == [(old.id, 3), (new.id, 2)]


def test_only_a_document_of_the_matter_can_be_replaced(shelves: Library) -> None:
    old = add(shelves, OLD)
    with pytest.raises(NotFound):
        shelves.add(NEW, "x.txt", B, "mat-b", "u1", replaces=old.id)
    with pytest.raises(BadRequest):
        shelves.add(NEW, "x.txt", scope("mat-a", "mat-b"), "mat-b", "u1", replaces=old.id)
    with pytest.raises(NotFound):
        shelves.add(NEW, "x.txt", A, "mat-a", "u1", replaces="d0")


class Held(HashEmbedder):
    """Waits before it embeds documents, once it is told to, until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.hold, self.reached, self.go = False, threading.Event(), threading.Event()

    def embed(self, texts: Sequence[str]) -> Vectors:
        if self.hold and threading.current_thread().name == "ingestion":
            self.reached.set()
            assert self.go.wait(240)
        return super().embed(texts)


def test_the_old_version_answers_until_the_new_one_is_read(tmp_path: Path, made: Database) -> None:
    held = Held()
    shelves = library(tmp_path, made, held)
    old = add(shelves, OLD)
    held.hold = True
    new = shelves.add(NEW, "lease.txt", A, "mat-a", "u1", replaces=old.id)
    assert held.reached.wait(240)
    assert rents(shelves) == ["900"]
    assert {f.id: f.state for f in shelves.documents(A, "mat-a")} == {
        new.id: State.EMBEDDING,
        old.id: State.READY,
    }
    held.go.set()
    assert shelves.wait(240)
    assert rents(shelves) == ["1,200"]
    shelves.check()
    shelves.close()


def test_a_later_version_that_is_read_first_stays_current(shelves: Library) -> None:
    old = add(shelves, OLD)
    add(shelves, BROKEN, "v2.pdf", replaces=old.id)
    newest = add(shelves, NEWEST, "v3.txt", replaces=old.id)
    shelves.reread(shelves.versions(old.id, A)[1].id, A)
    assert shelves.wait(240)
    assert rents(shelves) == ["1,500"]
    assert [f.current for f in shelves.versions(newest.id, A)] == [True, False, False]


def test_removing_a_document_takes_its_versions_along(shelves: Library, tmp_path: Path) -> None:
    old = add(shelves, OLD)
    new = add(shelves, NEW, replaces=old.id)
    assert shelves.remove(new.id, A) == 2
    assert shelves.documents(A, "mat-a") == []
    assert not list((tmp_path / "files").rglob("*.*"))
    with pytest.raises(NotFound):
        shelves.get(old.id, A)


def test_an_old_version_can_be_removed_alone(shelves: Library) -> None:
    old = add(shelves, OLD)
    new = add(shelves, NEW, replaces=old.id)
    assert shelves.remove(old.id, A) == 1
    assert [f.id for f in shelves.versions(new.id, A)] == [new.id]
    assert rents(shelves) == ["1,200"]


def test_what_is_attached_is_filed_beside_and_linked(shelves: Library) -> None:
    letter = add(shelves, mail(("lease.txt", OLD), ("bad.pdf", BROKEN)), "letter.eml")
    inside = shelves.attached(letter.id, A)
    assert {f.title: f.state for f in inside} == {
        "lease.txt": State.READY,
        "bad.pdf": State.DAMAGED,
    }
    assert {f.parent for f in inside} == {letter.id}
    assert rents(shelves) == ["900"]
    assert shelves.remove(letter.id, A) == 3
    assert shelves.documents(A, "mat-a") == []


def test_a_file_in_two_mails_goes_with_the_last_of_them(shelves: Library) -> None:
    first = add(shelves, mail(("lease.txt", OLD)), "first.eml")
    second = add(shelves, mail(("copy.txt", OLD), text="Once more."), "second.eml")
    assert titles(shelves.attached(second.id, A)) == ["lease.txt"]
    assert shelves.remove(first.id, A) == 1
    assert [f.parent for f in shelves.attached(second.id, A)] == [second.id]
    assert rents(shelves) == ["900"]
    assert shelves.remove(second.id, A) == 2
    assert shelves.documents(A, "mat-a") == []


def test_a_file_that_was_there_before_the_mail_stays_after_it(shelves: Library) -> None:
    lease = add(shelves, OLD)
    letter = add(shelves, mail(("lease.txt", OLD)), "letter.eml")
    assert [f.id for f in shelves.attached(letter.id, A)] == [lease.id]
    assert shelves.remove(letter.id, A) == 1
    assert rents(shelves) == ["900"]


def test_attachments_follow_their_mail_through_its_versions(shelves: Library) -> None:
    first = add(shelves, mail(("lease.txt", OLD)), "letter.eml")
    second = add(shelves, mail(("lease.txt", NEW), text="Amended."), "letter.eml", replaces=first.id)
    assert rents(shelves) == ["1,200"]
    add(shelves, mail(("lease.txt", OLD), text="As it was."), "letter.eml", replaces=second.id)
    assert rents(shelves) == ["900"]
    assert titles(shelves.documents(A, "mat-a")) == ["lease.txt", "letter.eml"]


def test_an_archive_is_unpacked_and_searched_by_its_files(shelves: Library) -> None:
    bundle = packed(("a/lease.txt", OLD), ("a/copy.txt", OLD), ("mail.eml", mail(("new.txt", NEW))))
    archive = add(shelves, bundle, "bundle.zip")
    filed = shelves.get(archive.id, A)
    assert filed.state is State.UNPACKED
    assert titles(shelves.attached(archive.id, A)) == ["a/lease.txt", "mail.eml"]
    assert any(entry.fate == "attached" for entry in filed.ledger)
    assert sorted(rents(shelves)) == ["1,200", "900"]
    assert shelves.search("rent", A).coverage.not_searched == 0
    assert shelves.add(bundle, "again.zip", A, "mat-a").state is State.DUPLICATE
    assert shelves.remove(archive.id, A) == 4
    assert shelves.documents(A, "mat-a") == []


def test_files_inside_a_pdf_are_filed_beside_it_and_linked(shelves: Library) -> None:
    files = [Inner(b"lease.txt", OLD), Inner(b"bad.pdf", BROKEN), Inner(b"locked.pdf", lease(password="x"))]
    deed = add(shelves, portfolio(files), "deed.pdf")
    assert shelves.get(deed.id, A).state is State.READY
    inside = shelves.attached(deed.id, A)
    assert {f.title: f.state for f in inside} == {
        "lease.txt": State.READY,
        "bad.pdf": State.DAMAGED,
        "locked.pdf": State.ENCRYPTED,
    }
    assert {f.parent for f in inside} == {deed.id}
    assert rents(shelves) == ["900"]
    assert shelves.remove(deed.id, A) == 4
    assert shelves.documents(A, "mat-a") == []


def test_a_pdf_that_is_but_a_cover_is_unpacked(shelves: Library) -> None:
    cover = add(shelves, portfolio([Inner(b"lease.txt", OLD)], shown=b""), "cover.pdf")
    filed = shelves.get(cover.id, A)
    assert (filed.state, filed.reason) == (
        State.UNPACKED,
        "A cover without text. The files in it stand beside it.",
    )
    assert rents(shelves) == ["900"]
    assert shelves.search("rent", A).coverage.not_searched == 0


def test_a_scan_with_files_inside_is_still_a_scan_that_was_not_read(
    shelves: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    scan = add(shelves, portfolio([Inner(b"lease.txt", OLD)], shown=PICTURE), "scan.pdf")
    filed = shelves.get(scan.id, A)
    assert filed.state is State.EMPTY
    assert "apt-get install tesseract-ocr" in filed.reason
    assert rents(shelves) == ["900"]
    assert shelves.search("rent", A).coverage.not_searched == 1


def test_a_pdf_in_a_pdf_in_a_pdf_ends(shelves: Library) -> None:
    deed = portfolio([Inner(b"deep.txt", OLD)], shown=SHOWN.replace(b"May", b"March"))
    for number in range(5):
        shown = SHOWN.replace(b"first", b"%dth" % (number + 2))
        deed = portfolio([Inner(b"%d.pdf" % number, deed)], shown=shown)
    add(shelves, deed, "top.pdf")
    filed = shelves.documents(A, "mat-a")
    assert titles(filed) == ["1.pdf", "2.pdf", "3.pdf", "4.pdf", "top.pdf"]
    (last,) = [f for f in filed if f.title == "1.pdf"]
    assert any("files deep" in entry.reason for entry in last.ledger)


def test_files_too_deep_in_files_are_told_and_not_filed(shelves: Library) -> None:
    letter = mail(("deep.txt", OLD))
    for number in range(5):
        letter = mail((f"{number}.eml", letter), text=f"Letter number {number}.")
    add(shelves, letter, "top.eml")
    filed = shelves.documents(A, "mat-a")
    assert "deep.txt" not in titles(filed)
    assert "0.eml" not in titles(filed)
    (last,) = [f for f in filed if f.title == "1.eml"]
    assert any("files deep" in entry.reason for entry in last.ledger)


def test_a_file_is_read_anew_and_answers_meanwhile(tmp_path: Path, made: Database) -> None:
    held = Held()
    shelves = library(tmp_path, made, held)
    lease = add(shelves, OLD)
    held.hold = True
    assert shelves.reread(lease.id, A).state is State.QUEUED
    assert held.reached.wait(240)
    assert rents(shelves) == ["900"]
    held.go.set()
    assert shelves.wait(240)
    assert rents(shelves) == ["900"]
    assert len(list((tmp_path / "files" / "mat-a" / lease.id).iterdir())) == 2
    shelves.check()
    shelves.close()


def stocked(shelves: Library, number: int) -> list[str]:
    """So many documents put straight into their places, which is faster than reading them."""
    records, files, index = shelves._records, shelves._files, shelves._index
    generation = shelves._generations.wanted
    lines = []
    for n in range(number):
        text = f"{n}. Rent. The rent is {n} pounds."
        filed = filing.line("mat-a", f"{n}.txt", text.encode())
        whole = Document(filed.id, "mat-a", filed.title, "txt", filed.digest, text, (), ())
        found = Passage(f"{filed.id}.0", filed.id, filed.title, 0, len(text), text)
        files.keep("mat-a", filed.id, text.encode())
        files.save(whole, "r")
        index.put(f"{filed.id}-r", generation.name, whole, [found], shelves.embedder.embed([text]))
        lines.append(replace(filed, state=State.READY, passages=1, characters=len(text)))
    for filed in lines:
        records.add(filed, "", due=False)
        records.change(filed, reading="r")
    records.searched_by("mat-a", generation.name, generation.embedder, {})
    return [filed.id for filed in lines]


def test_two_hundred_documents_go_at_once_and_leave_nothing(shelves: Library, tmp_path: Path) -> None:
    assert shelves.wait(240)
    ids = stocked(shelves, 210)
    shelves.check()
    began = time.monotonic()
    assert shelves.remove_many(ids[:200], A) == 200
    assert time.monotonic() - began < 20
    assert len(shelves.documents(A, "mat-a")) == 10
    assert len(list((tmp_path / "files" / "mat-a").iterdir())) == 10
    shelves.check()
    with pytest.raises(NotFound):
        shelves.remove_many([ids[205], ids[0]], A)
    assert len(shelves.documents(A, "mat-a")) == 10
    shelves.remove_many(ids[200:], A)
    assert not list((tmp_path / "index").iterdir())
    assert not list((tmp_path / "chroma").glob("*"))
