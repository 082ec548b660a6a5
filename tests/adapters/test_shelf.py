"""The shelf: whole or not there, whatever happens in between."""

from pathlib import Path

import pytest

from service.adapters.shelf import Quarantine, Shelf, leave
from service.core import LoraFile

DIGEST = "ab" * 32


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "adapters")


def made(tmp_path: Path, content: bytes = b"weights") -> Path:
    room = Quarantine(tmp_path / "quarantine").room()
    (room / LoraFile.WEIGHTS).write_bytes(content)
    (room / LoraFile.CONFIG).write_text("{}")
    return room


def test_what_is_placed_is_whole(shelf: Shelf, tmp_path: Path) -> None:
    room = made(tmp_path)
    folder = shelf.place(DIGEST, room, {"base": "f"})
    assert not room.exists()
    assert (folder / LoraFile.WEIGHTS).read_bytes() == b"weights"
    assert shelf.holds(DIGEST)
    assert shelf.whole(DIGEST, deep=True)
    manifest = shelf.manifest(DIGEST)
    assert manifest is not None
    assert (manifest["base"], manifest["digest"]) == ("f", DIGEST)


def test_a_second_placing_takes_the_first_one_s_place(shelf: Shelf, tmp_path: Path) -> None:
    shelf.place(DIGEST, made(tmp_path), {"base": "f"})
    folder = shelf.place(DIGEST, made(tmp_path, b"others"), {"base": "g"})
    assert (folder / LoraFile.WEIGHTS).read_bytes() == b"others"
    assert [place.name for place in folder.parent.iterdir()] == [DIGEST]


def test_damage_is_seen(shelf: Shelf, tmp_path: Path) -> None:
    folder = shelf.place(DIGEST, made(tmp_path), {})
    (folder / LoraFile.WEIGHTS).write_bytes(b"weightz")
    assert shelf.whole(DIGEST)
    assert not shelf.whole(DIGEST, deep=True)
    (folder / LoraFile.WEIGHTS).write_bytes(b"weight")
    assert not shelf.whole(DIGEST)
    (folder / LoraFile.WEIGHTS).unlink()
    assert not shelf.whole(DIGEST)
    (folder / LoraFile.MANIFEST).write_text("{")
    assert shelf.manifest(DIGEST) is None
    assert not shelf.whole(DIGEST)


def test_a_folder_without_its_manifest_is_not_there(shelf: Shelf) -> None:
    shelf.folder(DIGEST).mkdir()
    assert not shelf.holds(DIGEST)
    assert not shelf.whole(DIGEST)


def test_removing_is_at_once_and_may_be_repeated(shelf: Shelf, tmp_path: Path) -> None:
    folder = shelf.place(DIGEST, made(tmp_path), {})
    hidden = shelf.hide(DIGEST)
    assert not folder.exists()
    assert (hidden / LoraFile.WEIGHTS).is_file()
    leave(hidden)
    shelf.remove(DIGEST)
    assert not list(folder.parent.iterdir())


def test_a_sweep_leaves_what_is_wanted(shelf: Shelf, tmp_path: Path) -> None:
    folder = shelf.place(DIGEST, made(tmp_path), {})
    for left in ("cd" * 32, ".1234.gone"):
        (folder.parent / left / "deep").mkdir(parents=True)
    (folder.parent / "stray").write_text("")
    assert shelf.sweep({DIGEST}) == 3
    assert [place.name for place in folder.parent.iterdir()] == [DIGEST]


def test_quarantine_is_empty_at_every_start(tmp_path: Path) -> None:
    (Quarantine(tmp_path / "q").room() / "left").write_text("")
    rooms = {Quarantine(tmp_path / "q").room() for _ in range(2)}
    assert len(list((tmp_path / "q").iterdir())) == 1, "the second start emptied the first one's"
    assert len(rooms) == 2
