"""What `privity doctor` tells of adapters."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from service.adapters import Wanted
from service.adapters.inventory import refusals, survey
from service.core import LoraFile
from service.doctor import _refused, _unserved
from tests.adapters.firm import ADMIN, Firm, scope
from tests.adapters.made import READER, SMALL, lora


@pytest.fixture
def firm(tmp_path: Path) -> Iterator[Firm]:
    firm = Firm(tmp_path)
    yield firm
    firm.close()


def test_it_counts_names_versions_and_bytes_beside_a_running_house(firm: Firm) -> None:
    firm.published()
    firm.admit(seed=1)
    firm.admit("others", 2)
    firm.adapters.retire("leases", 2, ADMIN.id)
    lora(firm.home / "odd", SMALL, use_dora=True)
    waiting = firm.adapters.room()
    found = survey(firm.home, firm.database, [SMALL, READER])
    assert (found.names, found.versions, found.published) == (2, 2, 1)
    assert 0 < found.converted < found.kept
    assert (found.missing, found.misfits, found.gguf_only, found.uploads_refused) == ((), (), (), 0)
    assert waiting.is_dir(), "what is coming in is left alone"


def test_what_is_deleted_while_it_counts_is_not_counted(firm: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    firm.published()
    walk = os.walk

    def slow(shelf: Path) -> Iterator[tuple[str, list[str], list[str]]]:
        for folder, names, files in walk(shelf):
            yield folder, names, [*files, "gone.safetensors"]

    monkeypatch.setattr(os, "walk", slow)
    assert survey(firm.home, firm.database, [SMALL, READER]).kept > 0


def test_it_names_what_is_gone_what_fits_no_more_and_what_one_engine_alone_serves(firm: Firm) -> None:
    firm.published()
    version = firm.adapters.card("leases", scope(ADMIN)).versions[0]
    gguf = shutil.copy(firm.adapters.gguf(version, scope(ADMIN)), firm.home / "x.gguf")
    firm.settled(firm.adapters.admit(Path(gguf), Wanted("packed", by=ADMIN.id)))
    firm.settled(firm.adapters.admit(firm.make_search(use_dora=True), Wanted("odd", by=ADMIN.id)))
    shutil.rmtree(firm.home / "adapters" / version.digest)
    found = survey(firm.home, firm.database, [replace(SMALL, fingerprint="0"), READER])
    assert found.missing == ("leases v1",)
    assert found.misfits == ("leases v1", "packed v1")
    assert (found.gguf_only, found.uploads_refused) == (("packed v1",), 1)
    assert len(_unserved(found, "llama.cpp")) == 3
    assert _unserved(found, "torch")[-1] == "packed v1 is a GGUF, which the torch engine does not serve"


def test_a_folder_that_would_be_refused_is_told_with_every_reason(firm: Firm) -> None:
    ours = firm.home / "ours"
    shutil.copytree(firm.make(), ours / "leases")
    shutil.copytree(firm.make_search(1, use_dora=True, bias="all"), ours / "odd")
    (ours / "odd" / "run.py").write_text("x")
    (ours / "clause-types").mkdir()
    found = refusals(ours, [SMALL, READER])
    assert list(found) == ["odd"]
    assert len(found["odd"]) == 3
    (said,) = _refused(found)
    assert all(word in said for word in ("the folder odd", "run.py", "DoRA", "bias"))
    assert refusals(ours / "none", [SMALL]) == {}
    assert (ours / "odd" / LoraFile.WEIGHTS).is_file()
