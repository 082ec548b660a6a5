"""PDFs with files inside them, written byte by byte so that they can be wrong in any way."""

import zlib
from collections.abc import Sequence
from typing import NamedTuple

SHOWN = b"BT /F 12 Tf 72 700 Td (The rent is due on the first of May.) Tj ET"

PICTURE = b"595 0 0 842 0 0 cm BI /W 1 /H 1 /CS /G /BPC 8 ID \x80 EI"  # of the whole page


class Inner(NamedTuple):
    """A file inside: the bytes of its stream as they stand in the PDF, and the filters that unpack them."""

    name: bytes
    data: bytes
    filters: bytes = b""
    extra: bytes = b""


def packed(name: bytes, data: bytes, times: int = 1) -> Inner:
    for _ in range(times):
        data = zlib.compress(data, 9)
    return Inner(name, data, b"/Filter[" + b"/FlateDecode" * times + b"]")


def portfolio(
    listed: Sequence[Inner] = (),
    clipped: Sequence[Inner] = (),
    shown: bytes = SHOWN,
    names: bytes = b"",
) -> bytes:
    """One page with `shown` drawn on it; `names` is the inside of the list where it is not to be as it should."""
    found: list[bytes] = []
    specs = [_filed(found, inner) for inner in (*listed, *clipped)]
    own, pinned = specs[: len(listed)], specs[len(listed) :]
    whole = names or b"/Names[" + b"".join(b"(%05d)%d 0 R" % (i, n) for i, n in enumerate(own)) + b"]"
    notes = b"".join(b"<</Type/Annot/Subtype/FileAttachment/Rect[9 9 20 20]/FS %d 0 R>>" % n for n in pinned)
    head = [
        b"<</Type/Catalog/Pages 2 0 R/Names<</EmbeddedFiles 5 0 R>>>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Annots[%s]"
        b"/Resources<</Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>>>" % notes,
        b"<</Length %d>>stream\n%s\nendstream" % (len(shown), shown),
        b"<<" + whole + b">>",
    ]
    return written([*head, *found])


def _filed(found: list[bytes], inner: Inner) -> int:
    """The number of the file's specification; its objects are added."""
    first = 6 + len(found)
    found.append(b"<</Type/Filespec/F(%s)/EF<</F %d 0 R>>%s>>" % (inner.name, first + 1, inner.extra))
    found.append(b"<<%s/Length %d>>stream\n%s\nendstream" % (inner.filters, len(inner.data), inner.data))
    return first


def written(objects: Sequence[bytes]) -> bytes:
    """A PDF of these objects, the first its catalogue."""
    out, places = bytearray(b"%PDF-1.7\n"), []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = len(out)
    rows = b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"xref\n0 %d\n0000000000 65535 f \n%s" % (len(objects) + 1, rows)
    out += b"trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, table)
    return bytes(out)
