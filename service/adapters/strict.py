"""JSON as an adapter's files may hold it: UTF-8, no key twice, finite numbers, bounded depth."""

import json
import math
from typing import Any

from service.adapters.refused import Refused, shown

DEPTH = 6  # an adapter's configuration has three


def parse(data: bytes, what: str) -> dict[str, Any]:
    """The object in `data`; `what` names it in the reason. Raises Refused."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise Refused(f"{what} is not UTF-8. Save it as UTF-8.") from None
    if _depth(text) > DEPTH:
        raise Refused(f"{what} is nested deeper than {DEPTH}. Save the adapter anew with PEFT.")
    try:
        found = json.loads(
            text, object_pairs_hook=_once, parse_constant=_finite, parse_float=_finite, parse_int=_whole
        )
    except Refused as refused:
        raise Refused(f"{what} {refused.reason}") from None
    except (ValueError, RecursionError):
        raise Refused(f"{what} is not JSON. Save the adapter anew with PEFT.") from None
    if not isinstance(found, dict):
        raise Refused(f"{what} is not a JSON object. Save the adapter anew with PEFT.")
    try:
        json.dumps(found, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise Refused(f"{what} holds half a character (a lone surrogate). Take it out.") from None
    return found


def _depth(text: str) -> int:
    """How deep brackets nest, at most; those within strings count too, which no honest file has many of."""
    deepest = depth = 0
    for letter in text:
        if letter in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif letter in "]}":
            depth -= 1
    return deepest


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise Refused(f"says {shown(key)} twice. Leave one.")
        found[key] = value
    return found


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise Refused(f"holds {shown(text)}, which is no finite number. Save the adapter anew.")
    return value


def _whole(text: str) -> int:
    if len(text) > 20:
        raise Refused("holds a number of more than 20 digits. Save the adapter anew.")
    return int(text)
