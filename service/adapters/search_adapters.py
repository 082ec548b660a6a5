"""Adapters of the embedder: they lie in the project's own folder, are listed beside the others, and answer nothing.

The embedder reads and checks them itself (setting `search.adapter`); here they only get their line.
"""

import hashlib
import json
import math
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.adapters.admission import titled
from service.adapters.deeds import note, point
from service.adapters.versions import named
from service.core import LoraFile
from service.storage.tables import AdapterRow, VersionRow

LARGEST = 1 << 20  # bytes of a configuration
TASK = "FEATURE_EXTRACTION"


@dataclass(frozen=True, slots=True)
class SearchAdapter:
    name: str
    digest: str
    base: str  # the embedder's name
    rank: int
    scale: float
    size: int  # bytes


def found(places: Iterable[Path]) -> dict[str, SearchAdapter]:
    """The embedder's adapters among these folders, by name."""
    read = map(_read, places)
    return {one.name: one for one in read if one is not None}


def enter(rows: Session, here: dict[str, SearchAdapter]) -> None:
    """Gives each its line, the present one published; lines of what lies there no more are retired."""
    for one in here.values():
        card = named(rows, one.name)
        if card is None:
            rows.add(AdapterRow(name=one.name, title=titled("", one.name), share=0, created=time.time()))
            rows.flush()
        elif any(version.kind == "answers" for version in card.versions):
            continue  # the name was taken by an upload
        same = next((v for v in card.versions if v.digest == one.digest), None) if card else None
        number = same.version if same else len(card.versions) + 1 if card else 1
        if same is None:
            rows.add(_row(one, number))
            note(rows, "admit", one.name, "", number, after=one.digest[:12])
        else:
            rows.get_one(VersionRow, (one.name, number)).state = "ready"
        rows.flush()
        fresh = named(rows, one.name)
        assert fresh is not None
        if fresh.published != number:
            point(rows, fresh, number, "", "publish")
    for row in rows.scalars(
        select(VersionRow).where(VersionRow.kind == "search", VersionRow.state == "ready")
    ):
        if row.name not in here or row.digest != here[row.name].digest:
            row.state = "retired"


def _read(place: Path) -> SearchAdapter | None:
    config, weights = place / LoraFile.CONFIG, place / LoraFile.WEIGHTS
    try:
        if config.stat().st_size > LARGEST:
            return None
        text, data = config.read_bytes(), weights.read_bytes()
        said = json.loads(text)
        if said["task_type"] != TASK:
            return None
        rank, alpha = int(said["r"]), float(said["lora_alpha"])
        scale = alpha / (math.sqrt(rank) if said.get("use_rslora") else rank)
        base = str(said["base_model_name_or_path"])
    except (OSError, ValueError, KeyError, TypeError, ZeroDivisionError):
        return None
    return SearchAdapter(place.name, hashlib.sha256(text + data).hexdigest(), base, rank, scale, len(data))


def _row(one: SearchAdapter, number: int) -> VersionRow:
    return VersionRow(
        name=one.name,
        version=number,
        digest=one.digest,
        kind="search",
        state="ready",
        base=one.base,
        form="peft",
        rank=one.rank,
        scale=one.scale,
        tensors=0,
        size=one.size,
        origin="shipped",
        matters=[],
        people=[],
        by="",
        created=time.time(),
        probe={},
    )
