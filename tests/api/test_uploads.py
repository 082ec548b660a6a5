"""The multipart reader: the same files however the bytes arrive, and never more on the disk than is allowed."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import ClientDisconnect

from service.api.uploads import Upload
from service.errors import BadRequest, TooLarge

NAMES = ("adapter_config.json", "adapter_model.safetensors", "README.md")


def body(files: dict[str, bytes], fields: dict[str, str]) -> bytes:
    parts = [
        f'--x\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'.encode()
        + content
        + b"\r\n"
        for name, content in files.items()
    ]
    parts += [
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    return b"".join(parts) + b"--x--\r\n"


def receive(folder: Path, data: bytes, cuts: list[int], limit: int) -> Upload:
    async def pieces() -> AsyncIterator[bytes]:
        at = 0
        for cut in [*sorted(cuts), len(data)]:
            yield data[at : max(at, cut)]
            at = max(at, cut)

    upload = Upload(folder, limit)
    asyncio.run(upload.receive(pieces(), b"x"))
    return upload


contents = st.dictionaries(st.sampled_from(NAMES), st.binary(max_size=200), min_size=1)


@given(contents, st.lists(st.integers(0, 600), max_size=6))
def test_the_same_files_however_the_bytes_arrive(files: dict[str, bytes], cuts: list[int]) -> None:
    with TemporaryDirectory() as folder:
        data = body(files, {"name": "leases", "matters": "m1, m2"})
        upload = receive(Path(folder), data, [cut for cut in cuts if cut < len(data)], 1000)
        assert {file.name: file.read_bytes() for file in upload.source.iterdir()} == files
        assert upload.one("name") == "leases"
        assert upload.many("matters") == ["m1", "m2"]


@given(contents, st.integers(0, 300))
def test_no_byte_beyond_the_cap_is_written(files: dict[str, bytes], limit: int) -> None:
    with TemporaryDirectory() as folder:
        total = sum(map(len, files.values()))
        try:
            receive(Path(folder), body(files, {}), [], limit)
        except TooLarge:
            assert total > limit
        else:
            assert total <= limit
        written = sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())
        assert written <= limit


@given(st.binary(max_size=300))
def test_anything_else_is_told_to_be_wrong(data: bytes) -> None:
    with TemporaryDirectory() as folder:
        try:
            upload = receive(Path(folder), b"--x\r\n" + data, [], 1000)
            assert upload.source
        except (BadRequest, TooLarge):
            pass
        assert all(file.parent.name == "incoming" for file in Path(folder).rglob("*") if file.is_file())


@pytest.mark.parametrize("name", ["a.zip", "b.gguf"])
def test_one_archive_is_the_file_itself(tmp_path: Path, name: str) -> None:
    assert receive(tmp_path, body({name: b"x"}, {}), [], 10).source.name == name


@pytest.mark.parametrize("name", ["../a.zip", "C:\\a\\a.zip", "folder/a.zip"])
def test_a_path_is_cut_to_its_name(tmp_path: Path, name: str) -> None:
    assert receive(tmp_path, body({name: b"x"}, {}), [], 10).source == tmp_path / "incoming" / "a.zip"


def test_a_sender_who_leaves_is_no_fault_of_ours(tmp_path: Path) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield body({"adapter_config.json": b"{}"}, {})[:80]
        raise ClientDisconnect

    with pytest.raises(BadRequest, match="broken off"):
        asyncio.run(Upload(tmp_path, 1000).receive(pieces(), b"x"))
