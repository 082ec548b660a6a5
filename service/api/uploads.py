"""A multipart upload, streamed into a folder: no byte beyond the cap is written, and none is held in memory."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect

from service.errors import BadRequest, TooLarge

FIELD = 64 * 1024  # bytes of all fields that are no files
FILES = 16
PACKED = (".zip", ".gguf")  # what comes as one file, not as one of a folder's
SAFE = re.compile(r"[A-Za-z0-9][\w. -]{0,99}", re.ASCII)
MALFORMED = "The upload is not right. Send it as multipart/form-data with the adapter in the field `file`."


class Upload:
    """What came in: the fields by name, and the files under `folder`, each with the name that it was sent by."""

    def __init__(self, folder: Path, limit: int) -> None:
        self.fields: dict[str, list[str]] = {}
        self.folder = folder / "incoming"
        self.folder.mkdir()
        self._left, self._limit, self._room = limit, limit, FIELD
        self._header, self._value = b"", b""
        self._name, self._disposition = "", b""
        self._file: BinaryIO | None = None
        self._text = b""

    async def receive(self, pieces: AsyncIterator[bytes], boundary: bytes) -> None:
        """Reads the body to its end. Raises BadRequest or TooLarge; what was written stays until the folder goes."""
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_part_data": self._data,
                "on_part_end": self._end,
                "on_header_field": self._header_field,
                "on_header_value": self._header_value,
                "on_header_end": self._header_end,
                "on_headers_finished": self._headers_finished,
            },
        )
        try:
            # Written as it comes: a piece is 64 kB into the system's cache, which is faster than another thread.
            async for piece in pieces:
                parser.write(piece)
            parser.finalize()
        except FormParserError:
            raise BadRequest(MALFORMED) from None
        except ClientDisconnect:  # its sender's wish, and no fault of ours
            raise BadRequest("The upload was broken off. Send it again.") from None
        finally:
            if self._file is not None:
                self._file.close()

    @property
    def source(self) -> Path:
        """What is to be admitted: the archive or GGUF where one file came, else the folder of files."""
        files = list(self.folder.iterdir())
        if not files:
            raise BadRequest("There is no file in the upload. Send the adapter in the field `file`.")
        return files[0] if len(files) == 1 and files[0].suffix in PACKED else self.folder

    def one(self, field: str) -> str:
        return self.fields.get(field, [""])[-1]

    def many(self, field: str) -> list[str]:
        """The values of a field that may be repeated, or hold several with commas between them."""
        parts = [part.strip() for value in self.fields.get(field, []) for part in value.split(",")]
        return [part for part in parts if part]

    # --- what the parser calls -----------------------------------------------------------------------------

    def _begin(self) -> None:
        self._disposition, self._text, self._file = b"", b"", None

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value
        self._header, self._value = b"", b""

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition)
        self._name = options.get(b"name", b"").decode("utf-8", "replace")
        if b"filename" in options:
            self._file = self._open(options[b"filename"].decode("utf-8", "replace"))

    def _open(self, filename: str) -> BinaryIO:
        name = re.split(r"[/\\]", filename)[-1]
        if self._name != "file":
            raise BadRequest("Files are taken in the field `file` only.")
        if not SAFE.fullmatch(name):
            raise BadRequest(
                "A file's name has plain letters, digits, dots, dashes and underscores. Rename it."
            )
        if len(list(self.folder.iterdir())) >= FILES:
            raise TooLarge(
                f"An adapter has at most three files, and more than {FILES} came. Send those alone."
            )
        try:
            return (self.folder / name).open("xb")
        except FileExistsError:
            raise BadRequest(
                "Two files of the upload have the same name. Send one adapter's folder."
            ) from None

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._file is None:
            self._room -= end - start
            if self._room < 0:
                raise TooLarge("The fields of the upload are too long.")
            self._text += data[start:end]
            return
        self._left -= end - start
        if self._left < 0:
            raise TooLarge(f"An adapter has at most {self._limit} bytes (setting adapters.max_bytes).")
        self._file.write(data[start:end])

    def _end(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
        else:
            text = self._text.decode("utf-8", "replace")
            self.fields.setdefault(self._name, []).append(text)


async def received(request: Request, folder: Path, limit: int) -> Upload:
    """The request's body, its files in `folder`."""
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind != b"multipart/form-data" or b"boundary" not in options:
        raise BadRequest(MALFORMED)
    upload = Upload(folder, limit)
    await upload.receive(request.stream(), options[b"boundary"])
    return upload
