"""Old Word documents (.doc): LibreOffice turns them into .docx in a child process, which is then read.

The child has a profile of its own that dies with it, runs no macros, reaches no network through a proxy that is not
there, and is stopped when it takes too long or too much memory.
"""

import os
import shutil
import signal
import struct
import subprocess
from contextlib import suppress
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from service.config import Documents
from service.core import Entry, State
from service.retrieval.loaders import docx
from service.retrieval.loaders.content import Content, Unreadable

_SECONDS = 120
_MEMORY = 4 * 2**20  # KiB of address space
_PROGRAMS = ("soffice", "libreoffice")
_ABSENT = (
    "This is an old Word document (.doc), for which LibreOffice is needed. "
    "Install it (apt-get install libreoffice-writer-nogui) and read the file again, or save it as DOCX or PDF."
)
_SETTINGS = (
    ("org.openoffice.Office.Common/Security/Scripting", "MacroSecurityLevel", "3"),
    ("org.openoffice.Office.Common/Security/Scripting", "DisableMacrosExecution", "true"),
    ("org.openoffice.Office.Common/Security/Scripting", "DisableActiveContent", "true"),
    ("org.openoffice.Office.Common/Security/Scripting", "BlockUntrustedRefererLinks", "true"),
    ("org.openoffice.Inet/Settings", "ooInetProxyType", "2"),
    ("org.openoffice.Inet/Settings", "ooInetHTTPProxyName", "127.0.0.1"),
    ("org.openoffice.Inet/Settings", "ooInetHTTPProxyPort", "9"),
    ("org.openoffice.Inet/Settings", "ooInetHTTPSProxyName", "127.0.0.1"),
    ("org.openoffice.Inet/Settings", "ooInetHTTPSProxyPort", "9"),
)


def read(data: bytes, limits: Documents) -> Content:
    """Raises Unreadable: UNSUPPORTED without LibreOffice, ENCRYPTED, TOO_LARGE, or DAMAGED where it gives nothing."""
    _check_sealed(data)
    program = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if program is None:
        raise Unreadable(State.UNSUPPORTED, _ABSENT)
    with TemporaryDirectory(prefix="privity-doc-") as folder:
        made = _convert(program, data, Path(folder), limits.max_bytes)
    content = docx.read(made, limits)
    note = Entry("odd", "The file is in Word's old format and was read through LibreOffice.")
    return replace(content, ledger=(note, *content.ledger))


def _check_sealed(data: bytes) -> None:
    """The file's head says whether a password locks it (MS-DOC, FibBase, fEncrypted)."""
    from olefile import OleFileIO  # type: ignore[import-untyped]

    with OleFileIO(BytesIO(data)) as ole, ole.openstream("WordDocument") as stream:
        head = stream.read(12)
    if len(head) == 12 and struct.unpack_from("<H", head, 10)[0] & 0x0100:
        reason = "The file is protected with a password. Save a copy without it and add that."
        raise Unreadable(State.ENCRYPTED, reason)


def _convert(program: str, data: bytes, folder: Path, limit: int) -> bytes:
    (folder / "in.doc").write_bytes(data)
    _make_profile(folder / "profile")
    _run(_command(program, folder, limit), folder)
    made = folder / "in.docx"
    if not made.is_file():
        reason = "LibreOffice could not read the file. Open it in Word, save it as DOCX and add that."
        raise Unreadable(State.DAMAGED, reason)
    if made.stat().st_size > limit:
        raise Unreadable(
            State.TOO_LARGE, "The document grows too large when it is read. Save it as DOCX or PDF."
        )
    return made.read_bytes()


def _make_profile(profile: Path) -> None:
    items = "".join(
        f'<item oor:path="/{path}"><prop oor:name="{name}" oor:op="fuse"><value>{value}</value></prop></item>'
        for path, name, value in _SETTINGS
    )
    (profile / "user").mkdir(parents=True)
    (profile / "user" / "registrymodifications.xcu").write_text(
        '<?xml version="1.0" encoding="UTF-8"?><oor:items xmlns:oor="http://openoffice.org/2001/registry">'
        f"{items}</oor:items>",
        "utf-8",
    )


def _command(program: str, folder: Path, limit: int) -> list[str]:
    """Under a shell that sets the limits, so that nothing runs between fork and exec in this process."""
    limits = f'ulimit -v {_MEMORY}; ulimit -f {max(1, 4 * limit // 512)}; ulimit -c 0; exec "$@"'
    return [
        "/bin/sh", "-c", limits, "sh", program, "--headless", "--norestore", "--nolockcheck", "--nodefault",
        "--nofirststartwizard", f"-env:UserInstallation={(folder / 'profile').as_uri()}",
        "--infilter=MS Word 97", "--convert-to", "docx:MS Word 2007 XML", "--outdir", str(folder),
        str(folder / "in.doc"),
    ]  # fmt: skip


def _run(command: list[str], folder: Path) -> None:
    nowhere = "http://127.0.0.1:9"
    environment = {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": str(folder), "TMPDIR": str(folder), "LANG": "C.UTF-8",
        "http_proxy": nowhere, "https_proxy": nowhere, "SAL_USE_VCLPLUGIN": "svp",
    }  # fmt: skip
    child = subprocess.Popen(
        command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        child.wait(_SECONDS)
    except subprocess.TimeoutExpired:
        reason = f"LibreOffice did not finish within {_SECONDS} seconds. Save the file as DOCX or PDF and add that."
        raise Unreadable(State.DAMAGED, reason) from None
    finally:
        _stop(child)


def _stop(child: "subprocess.Popen[bytes]") -> None:
    """Ends the child and all that it started."""
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
