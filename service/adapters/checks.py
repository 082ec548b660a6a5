"""Whether an adapter may be served: every check in its order, every reason, and nothing raised whatever is sent."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from service.adapters import archive, configuration, gguf_lora, header, naming, weights
from service.adapters.archive import LIMITS, Limits
from service.adapters.findings import AdapterFacts, Check, Findings, Step, Tick
from service.adapters.refused import Refused
from service.adapters.weights import Pair
from service.core import BaseFacts, LoraFile

log = logging.getLogger("privity.adapters")


def vet(
    source: Path,
    folder: Path,
    facts: Sequence[BaseFacts],
    tick: Tick | None = None,
    limits: Limits = LIMITS,
) -> Findings:
    """Unpack `source` (a zip, a folder or a GGUF) into `folder`, a new quarantine, and examine what came.

    When something of it is refused already there, the rest is examined all the same, for its reasons.
    """
    steps = _Steps(tick)
    steps.take("archive", lambda: archive.unpack(source, folder, limits))
    return _examined(folder, facts, steps) if _came(folder) else steps.findings(None)


def examine(folder: Path, facts: Sequence[BaseFacts], tick: Tick | None = None) -> Findings:
    """Check the adapter in a quarantine folder against the bases; the one whose layers match is chosen."""
    return _examined(folder, facts, _Steps(tick))


def _came(folder: Path) -> bool:
    return any((folder / name).is_file() for name in (LoraFile.CONFIG, LoraFile.WEIGHTS, LoraFile.GGUF))


@dataclass(slots=True)
class _Steps:
    """The checks so far. Each is told to `tick` as soon as it is done."""

    tick: Tick | None
    done: list[Check] = field(default_factory=list)

    def take(self, name: Step, run: Callable[[], Check]) -> None:
        try:
            check = run()
        except Refused as refused:
            check = Check(name, False, (refused.reason,))
        except Exception as error:  # fail closed; its message may quote the file
            log.error("check %s failed on an adapter: %s", name, type(error).__name__)
            check = Check(
                name, False, ("The files cannot be read. Save the adapter anew and send it again.",)
            )
        self.done.append(check)
        if self.tick is not None:
            self.tick(check)

    @property
    def ok(self) -> bool:
        return all(check.ok for check in self.done)

    def findings(self, facts: AdapterFacts | None) -> Findings:
        return Findings(tuple(self.done), facts if self.ok else None)


@dataclass(slots=True)
class _Read:
    """What the checks found out on the way."""

    path: Path
    config: configuration.Configuration | None = None
    lora: gguf_lora.GgufLora | None = None
    pairs: dict[str, Pair] = field(default_factory=dict)
    base: BaseFacts | None = None

    def scale(self, layer: str) -> float:
        if self.lora is not None:
            return self.lora.scale(self.pairs[layer].rank)
        return self.config.alpha_of(layer) / self.config.rank_of(layer) if self.config else 1.0


def _examined(folder: Path, facts: Sequence[BaseFacts], steps: _Steps) -> Findings:
    is_gguf = (folder / LoraFile.GGUF).is_file()
    read = _Read(folder / (LoraFile.GGUF if is_gguf else LoraFile.WEIGHTS))
    if is_gguf:
        steps.take("configuration", lambda: _gguf(read))
        if read.lora is not None:
            steps.take("tensors", lambda: _gguf_tensors(read, facts))
    else:
        steps.take("configuration", lambda: _configuration(folder / LoraFile.CONFIG, facts, read))
        steps.take("tensors", lambda: _tensors(read, facts))
    if _fitting(read):
        steps.take("values", lambda: _values(read))
    return steps.findings(_facts(folder, read) if steps.ok else None)


def _check(name: Step, reasons: Sequence[str], said: str) -> Check:
    return Check(name, not reasons, tuple(reasons) or (said,))


def _configuration(path: Path, facts: Sequence[BaseFacts], read: _Read) -> Check:
    _there(path)
    read.config, reasons = configuration.read(path)
    return _check("configuration", reasons, read.config.describe(facts) if read.config else "")


def _tensors(read: _Read, facts: Sequence[BaseFacts]) -> Check:
    _there(read.path)
    tensors = header.tensors(read.path)
    read.pairs, reasons = weights.paired(tensors)
    if read.pairs:
        read.base = weights.nearest(read.pairs, _known(facts))
        wrong = weights.misfits(read.pairs, read.base, read.config.base if read.config else "")
        reasons += wrong
        if read.config and not wrong:
            reasons += weights.disagreements(read.pairs, read.base, read.config)
    return _check("tensors", reasons, f"{len(tensors)} tensors match the base")


def _gguf(read: _Read) -> Check:
    read.lora = lora = gguf_lora.read(read.path)
    alpha = f"alpha {configuration.number(lora.alpha)}" if lora.alpha else "factor 1"
    rank = max(min(tensor.shape) for tensor in lora.tensors)
    said = f"Configuration: GGUF LoRA, rank {rank}, {alpha}, {len(lora.tensors) // 2} layers"
    return Check("configuration", True, (said,))


def _gguf_tensors(read: _Read, facts: Sequence[BaseFacts]) -> Check:
    assert read.lora is not None
    architecture, facts = read.lora.architecture, _known(facts)
    alike = [base for base in facts if base.architecture == architecture and naming.convertible(base)]
    if not alike:
        served = [base for base in facts if naming.convertible(base)] or facts
        here = ", ".join(sorted({base.architecture for base in served}))
        raise Refused(
            f"Made for {architecture[:40]!a} models; this base is {here}. Train it on {served[0].name}."
        )
    found = [(base, *gguf_lora.paired(read.lora, base)) for base in alike]
    read.base, read.pairs, reasons = min(found, key=lambda one: len(one[2]))
    reasons = reasons + weights.misfits(read.pairs, read.base)
    return _check("tensors", reasons, f"{len(read.lora.tensors)} tensors match the base")


def _known(facts: Sequence[BaseFacts]) -> Sequence[BaseFacts]:
    """The bases whose layers are known."""
    known = [base for base in facts if base.layers]
    if not known:
        raise Refused(
            "No base here has layers that are known, so nothing fits it. Choose another `base.model`."
        )
    return known


def _fitting(read: _Read) -> list[Pair]:
    layers = read.base.layers if read.base else {}
    return [p for p in read.pairs.values() if layers.get(p.layer) == p.shape and p.rank == p.up.shape[1]]


def _values(read: _Read) -> Check:
    reasons = weights.measured(read.path, _fitting(read), read.scale)
    return _check("values", reasons, "Values finite, norms plausible")


def _facts(folder: Path, read: _Read) -> AdapterFacts:
    assert read.base is not None
    pairs = read.pairs.values()
    config = {}
    if read.config is not None:
        scales = {pair.layer: (pair.rank, read.config.alpha_of(pair.layer)) for pair in pairs}
        config = configuration.canonical(read.base, scales, read.config.task)
    return AdapterFacts(
        base=read.base,
        rank=max(pair.rank for pair in pairs),
        scale=max(read.scale(pair.layer) for pair in pairs),
        tensors=2 * len(pairs),
        bytes=sum(pair.down.size + pair.up.size for pair in pairs),
        config=config,
        card=_card(folder / LoraFile.CARD),
        form="peft" if read.config is not None else "gguf",
    )


def _card(path: Path) -> str:
    """The text that came with it; a card in another encoding is read as far as it goes."""
    return path.read_bytes().decode("utf-8", "replace") if path.is_file() else ""


def _there(path: Path) -> None:
    if not path.is_file():
        raise Refused(f"{path.name} is missing. Save the adapter with PEFT's `save_pretrained`.")
