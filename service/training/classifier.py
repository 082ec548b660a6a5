"""`kind: classify`: a LoRA over the embedder, or over the base, and a linear head on it, from texts and their labels.

What is left: PEFT's two files, `head.json` (the labels, "none of them" last, and how a text is read) and
`head.safetensors` ("vectors" of shape (width, labels) and "bias", over unit vectors). The head is a file of its own
because PEFT would lose it; what was saved is read again and examined before the training calls itself done.
"""

import json
import logging
import math
import random
import shutil
from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from service.training.confusion import Confusion, confusion, ordered, thresholds
from service.training.encoding import tokenizer
from service.training.folder import JobFolder, Spec
from service.training.opening import Place, place, save, targets
from service.training.ordering import order, steps_of, stretches
from service.training.recipe import Recipe
from service.training.rendering import Labelled
from service.training.watch import Failed, Standing, Stopped, Watch

if TYPE_CHECKING:
    from torch import Tensor

log = logging.getLogger("privity.training")

FACTS, HEAD = "head.json", "head.safetensors"
LOUD = 16.0  # unit vectors are short: the head sees them this much longer, and is saved as much larger
EAGER = 5.0  # the head begins with nothing, so it moves faster than the adapter
BUDGET = 4096  # tokens computed together on a CPU
APART = 0.02  # by which a share may differ after saving: float16
KEPT = 2  # checkpoints, beside the best
EMBEDDED = 256  # tokens that the embedder reads

Pooling = Literal["mean", "last"]


@dataclass(frozen=True, slots=True)
class Reading:
    """How a text becomes what the model reads: its first tokens, and of them the mean or the last."""

    tokens: Any
    pooling: Pooling
    length: int

    @classmethod
    def of(cls, spec: Spec, tokens: Any) -> "Reading":
        shape = json.loads((Path(spec.base) / "config.json").read_bytes())
        most = shape.get("text_config", shape)["max_position_embeddings"]
        limit = min(int(getattr(tokens, "model_max_length", 512)), int(most), spec.recipe.length)
        return (
            cls(tokens, "mean", min(limit, EMBEDDED))
            if spec.over == "embedder"
            else cls(tokens, "last", limit)
        )

    def encode(self, text: str) -> tuple[list[int], bool]:
        """The tokens of a text, and whether it is longer than what is read."""
        found: list[int] = self.tokens(text, truncation=False, verbose=False)["input_ids"]
        if len(found) <= self.length:
            return found, False
        return [*found[: self.length - 1], found[-1]], True


@dataclass(frozen=True, slots=True)
class Known:
    """The rows as tokens, with the places of their labels."""

    labels: tuple[str, ...]
    rows: Sequence[Labelled]  # of `learned`
    learned: Sequence[tuple[Sequence[int], int]]
    held_out: Sequence[tuple[Sequence[int], int]]
    cut: int  # texts that are longer than what the model reads
    strangers: int  # held-out rows whose label is not among those that are learned

    @property
    def weights(self) -> list[float]:
        """Of the labels: rare ones weigh more, by the root of their rarity; one on average over the rows."""
        times = Counter(label for _, label in self.learned)
        each = [1 / math.sqrt(times[at]) if times[at] else 0.0 for at in range(len(self.labels))]
        mean = sum(each[label] for _, label in self.learned) / len(self.learned)
        return [one / mean for one in each]

    @property
    def prior(self) -> float:
        """The held-out loss of who only knows how frequent each label is."""
        times = Counter(label for _, label in self.learned)
        whole = len(self.learned) + len(self.labels)
        return sum(-math.log((times[label] + 1) / whole) for _, label in self.held_out) / len(self.held_out)


class Classifier:
    """A model that turns texts into shares of labels. `read` opens one that was saved."""

    def __init__(self, model: Any, head: Any, labels: tuple[str, ...], reading: Reading) -> None:
        self.model, self.head, self.labels, self.reading = model, head, labels, reading

    @classmethod
    def read(cls, folder: Path, base: Path) -> "Classifier":
        """The classifier in an adapter's folder, over the model that it was trained on."""
        import torch
        from peft import PeftModel
        from safetensors.torch import load_file

        facts = json.loads((folder / FACTS).read_bytes())
        weights = load_file(folder / HEAD)
        head = torch.nn.Linear(*weights["vectors"].shape)
        with torch.no_grad():
            head.weight.copy_(weights["vectors"].T.float() / LOUD)
            head.bias.copy_(weights["bias"].float())
        model = PeftModel.from_pretrained(_encoder(base, Place("cpu", bf16=False)), str(folder))
        reading = Reading(tokenizer(base), facts["pooling"], facts["length"])
        return cls(model, head, tuple(facts["labels"]), reading)

    def shares(self, texts: Sequence[str]) -> "Tensor":
        """Of shape (texts, labels); rows sum to 1."""
        return self.shares_of([self.reading.encode(text)[0] for text in texts])

    def shares_of(self, rows: Sequence[Sequence[int]]) -> "Tensor":
        import torch

        self.model.eval()
        found = torch.zeros(len(rows), len(self.labels))
        with torch.no_grad():
            for group in stretches([len(row) for row in rows], BUDGET):
                found[group] = self.scores([rows[at] for at in group]).softmax(-1).cpu()
        return found

    def scores(self, rows: Sequence[Sequence[int]]) -> "Tensor":
        """Logits, float32 of shape (rows, labels)."""
        import torch

        width, device = max(map(len, rows)), self.head.weight.device
        pad = self.reading.tokens.pad_token_id or 0
        ids = torch.tensor([[*row, *[pad] * (width - len(row))] for row in rows], device=device)
        mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows], device=device)
        hidden = self.model(input_ids=ids, attention_mask=mask).last_hidden_state.float()
        if self.reading.pooling == "mean":
            vectors = (hidden * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
        else:
            vectors = hidden[torch.arange(len(rows), device=device), mask.sum(1) - 1]
        unit = torch.nn.functional.normalize(vectors, dim=-1)
        made: Tensor = self.head(LOUD * unit)
        return made


def train(folder: JobFolder, spec: Spec, watch: Watch) -> tuple[Standing, list[str], dict[str, Any]]:
    """Train, leave adapter and head in the folder, and read them again. Raises Stopped or Failed."""
    recipe = spec.recipe
    where, reading = place_of(spec), Reading.of(spec, tokenizer(Path(spec.base)))
    read = known(folder.labelled("train"), folder.labelled("held_out"), recipe, reading)
    classifier = _opened(spec, where, reading, read.labels)
    watch.of = steps_of(len(read.learned), recipe.batch, recipe.epochs, recipe.steps)
    log.info("%s; %d rows, %d held out, %d labels, %d steps", where, len(read.learned), len(read.held_out),
             len(read.labels), watch.of)  # fmt: skip
    run = _Run(folder, spec, where, classifier, read, watch)
    run.resume()
    try:
        run.go()
    except Stopped:
        run.stop()
        raise
    scores = _kept(folder, spec, run)
    return watch.standing, _notes(read), scores


def place_of(spec: Spec) -> Place:
    """Where it computes: rows are padded, and the model is small enough to be held whole."""
    return replace(place(spec.recipe, spec.device, Path(spec.base)), flat=False, four_bit=False)


def known(train: Sequence[Labelled], held_out: Sequence[Labelled], recipe: Recipe, reading: Reading) -> Known:
    """What is learned and examined: the same for the same rows and seed. Raises Failed where nothing can be."""
    labels = ordered([row.label for row in train])
    if len(labels) < 2:
        raise Failed("The rows to learn from have one label only. Add rows of another one.")
    chance, places = random.Random(recipe.seed), {label: at for at, label in enumerate(labels)}
    train = _some(train, recipe.rows, chance)
    able = [row for row in held_out if row.label in places]
    held = _some(able, recipe.held_out_rows, chance)
    if not held:
        raise Failed("There are no held-out rows of the labels that are learned. Add rows.")
    encoded = [[(reading.encode(row.text), places[row.label]) for row in rows] for rows in (train, held)]
    learned, examined = ([(tokens, label) for (tokens, _), label in rows] for rows in encoded)
    cut = sum(cut for rows in encoded for (_, cut), _ in rows)
    return Known(labels, train, learned, examined, cut, len(held_out) - len(able))


def _some(rows: Sequence[Labelled], most: int, chance: random.Random) -> Sequence[Labelled]:
    return chance.sample(rows, most) if 0 < most < len(rows) else rows


def _notes(known: Known) -> list[str]:
    return (
        [f"{known.cut} texts are longer than what is read, and were read up to there."] if known.cut else []
    )


def _encoder(base: Path, where: Place) -> Any:
    import torch
    from transformers import AutoModel

    return AutoModel.from_pretrained(str(base), dtype=torch.float32, attn_implementation="eager",
                                     local_files_only=True).to(where.device)  # fmt: skip


def _opened(spec: Spec, where: Place, reading: Reading, labels: tuple[str, ...]) -> Classifier:
    import torch
    from peft import LoraConfig, PeftModel, get_peft_model

    recipe = spec.recipe
    torch.manual_seed(recipe.seed)
    plain = _encoder(Path(spec.base), where)
    layers = targets(plain, recipe)
    if spec.start:
        model: Any = PeftModel.from_pretrained(plain, spec.start, is_trainable=True)
        _freeze(model, layers["target_modules"])
    else:
        config = LoraConfig(
            task_type="FEATURE_EXTRACTION",
            r=recipe.rank,
            lora_alpha=recipe.alpha,  # PEFT says int, and multiplies by it
            lora_dropout=recipe.dropout,
            **layers,
        )
        model = get_peft_model(plain, config)
    head = torch.nn.Linear(int(plain.config.hidden_size), len(labels)).to(where.device)
    torch.nn.init.zeros_(head.weight)
    torch.nn.init.zeros_(head.bias)
    return Classifier(model, head, labels, reading)


def _freeze(model: Any, learning: Sequence[str]) -> None:
    """Of an adapter that is gone on from, only these layers learn."""
    for name, weight in model.named_parameters():
        if weight.requires_grad:
            weight.requires_grad = any(f".{layer}.lora_" in name for layer in learning)


class _Run:
    """The loop: steps, checks, checkpoints."""

    def __init__(
        self, folder: JobFolder, spec: Spec, where: Place, classifier: Classifier, known: Known, watch: Watch
    ) -> None:
        import torch

        self.folder, self.spec, self.where = folder, spec, where
        self.classifier, self.known, self.watch = classifier, known, watch
        self.recipe = recipe = spec.recipe
        self.learning = [one for one in classifier.model.parameters() if one.requires_grad]
        groups: list[dict[str, Any]] = [
            {"params": self.learning, "lr": recipe.rate},
            {"params": list(classifier.head.parameters()), "lr": EAGER * recipe.rate},
        ]
        self.optimizer = torch.optim.AdamW(groups, weight_decay=recipe.decay)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimizer, self._share)
        self.weights = torch.tensor(known.weights, device=where.device)
        steps = len(known.learned) / recipe.batch
        self.every = max(1, min(round(steps / recipe.checks), math.ceil(watch.of / 2)))
        self._random = torch.get_rng_state()

    def _share(self, step: int) -> float:
        """Of the learning rate, at a step that is counted from 0."""
        warm = math.ceil(self.recipe.warmup * self.watch.of)
        if step < warm:
            return (step + 1) / (warm + 1)
        left = (self.watch.of - step) / max(1, self.watch.of - warm)
        cosine = 0.5 - 0.5 * math.cos(math.pi * min(1.0, left))
        return {"constant": 1.0, "linear": left, "cosine": cosine}[self.recipe.schedule]

    def go(self) -> None:
        standing, batch = self.watch.standing, self.recipe.batch
        standing.before = self.known.prior
        rows = order([len(row) for row, _ in self.known.learned], batch, self.watch.of, self.recipe.seed)
        self.watch.begin()
        self._owed()
        while standing.step < self.watch.of and standing.ending == "steps":
            at = standing.step * batch
            self._step([self.known.learned[row] for row in rows[at : at + batch]])
            late = 0 < self.recipe.minutes * 60 <= standing.seconds
            if late or self._due(standing.step):
                self.check()
                self.save()
            if late and standing.step < self.watch.of:
                standing.ending = "minutes"

    def _owed(self) -> None:
        """The check that a stop cut short."""
        standing = self.watch.standing
        if standing.step and standing.checked != standing.step and self._due(standing.step):
            self.check()

    def _due(self, step: int) -> bool:
        return step % self.every == 0 or step == self.watch.of

    def _heed(self) -> None:
        if self.watch.stopping:
            raise Stopped

    def _step(self, rows: Sequence[tuple[Sequence[int], int]]) -> None:
        import torch

        self.classifier.model.train()
        loss = weight = 0.0
        whole = sum(self.known.weights[label] for _, label in rows)
        for group in stretches([len(row) for row, _ in rows], BUDGET, self.recipe.at_once):
            self._heed()
            truth = torch.tensor([rows[at][1] for at in group], device=self.where.device)
            with self._precision():
                scores = self.classifier.scores([rows[at][0] for at in group])
            each = torch.nn.functional.cross_entropy(scores.float(), truth, reduction="none")
            counted: Any = (each * self.weights[truth]).sum() / whole
            counted.backward()
            loss, weight = loss + float(each.detach().sum()), weight + len(group)
        norm = float(torch.nn.utils.clip_grad_norm_(self._all(), self.recipe.clip or math.inf))
        if not (math.isfinite(loss) and math.isfinite(norm)):
            step = self.watch.standing.step + 1
            raise Failed(f"The loss was not a finite number at step {step}. Lower the learning rate.")
        rate = float(self.schedule.get_last_lr()[0])
        self.optimizer.step()
        self.schedule.step()
        self.optimizer.zero_grad()
        self._random = torch.get_rng_state()
        tokens, epoch = sum(len(row) for row, _ in rows), (self.watch.standing.step + 1) * len(rows)
        self.watch.step(
            tokens, epoch=epoch / len(self.known.learned), loss=loss / weight, rate=rate, norm=norm
        )

    def _all(self) -> list[Any]:
        return [*self.learning, *self.classifier.head.parameters()]

    def _precision(self) -> Any:
        import torch

        return torch.autocast(self.where.device, torch.bfloat16) if self.where.bf16 else nullcontext()

    def check(self) -> None:
        """The best has the best macro-F1: the loss of a sure classifier rises while it still gets better."""
        import torch

        self.classifier.model.eval()
        shares, rows = torch.zeros(len(self.known.held_out), len(self.known.labels)), self.known.held_out
        with torch.no_grad(), self._precision():
            for group in stretches([len(row) for row, _ in rows], BUDGET):
                self._heed()
                shares[group] = (
                    self.classifier.scores([rows[at][0] for at in group]).float().softmax(-1).cpu()
                )
        found, loss = examined(self.known, shares)
        standing = self.watch.standing
        standing.judge(loss, None, mark=-found.macro_f1)
        if self.recipe.patience and standing.checks >= self.recipe.patience:
            standing.ending = "patience"
        self.watch.check(held_out_loss=loss, accuracy=found.accuracy, macro_f1=found.macro_f1)

    def save(self) -> None:
        import torch
        from safetensors.torch import save_file

        standing = self.watch.standing
        with self.folder.making(self.folder.checkpoints / str(standing.step)) as part:
            save(self.classifier.model, part, self.spec.base_name, half=False)
            save_file(self.classifier.head.state_dict(), part / "head_state.safetensors")
            torch.save(self.optimizer.state_dict(), part / "optimizer.pt")
            torch.save({"schedule": self.schedule.state_dict(), "random": self._random}, part / "state.pt")
            (part / "standing.json").write_text(json.dumps(standing.told()), "utf-8")
        for step in self.folder.steps()[:-KEPT]:
            if step != standing.best:
                shutil.rmtree(self.folder.checkpoints / str(step))

    def stop(self) -> None:
        step = self.watch.standing.step
        if step and step not in self.folder.steps():
            self.save()

    def resume(self) -> None:
        """From the last checkpoint, as if nothing had been."""
        import torch

        if not self.folder.steps():
            return
        kept = self.folder.checkpoints / str(self.folder.steps()[-1])
        self.take(kept)
        state = torch.load(kept / "state.pt", weights_only=True)
        self.optimizer.load_state_dict(torch.load(kept / "optimizer.pt", weights_only=True))
        self.schedule.load_state_dict(state["schedule"])
        torch.set_rng_state(state["random"])
        self._random = state["random"]
        self.watch.standing = Standing.read(json.loads((kept / "standing.json").read_bytes()))
        self.watch.standing.resumed += 1

    def take(self, kept: Path) -> None:
        """The weights of a checkpoint."""
        from peft import set_peft_model_state_dict
        from safetensors.torch import load_file

        set_peft_model_state_dict(self.classifier.model, load_file(kept / "adapter_model.safetensors"))
        self.classifier.head.load_state_dict(load_file(kept / "head_state.safetensors"))


def examined(known: Known, shares: "Tensor") -> tuple[Confusion, float]:
    """What the shares of the held-out rows are worth, and their loss."""
    truth = [label for _, label in known.held_out]
    loss = sum(-math.log(max(float(shares[row, label]), 1e-9)) for row, label in enumerate(truth)) / len(
        truth
    )
    return confusion(known.labels, truth, shares.argmax(-1).tolist()), loss


def _kept(folder: JobFolder, spec: Spec, run: _Run) -> dict[str, Any]:
    """The best weights in the folder, and the scores of what is read from there."""
    standing, known = run.watch.standing, run.known
    if standing.best != standing.step:
        run.take(folder.checkpoints / str(standing.best))
    rows, truth = [row for row, _ in known.held_out], [label for _, label in known.held_out]
    before = run.classifier.shares_of(rows)
    with folder.making(folder.adapter) as part:
        save(run.classifier.model, part, spec.base_name, half=True)
        _save_head(part, run.classifier, spec, thresholds(before.tolist(), truth, len(known.labels)))
    shares = Classifier.read(folder.adapter, Path(spec.base)).shares_of(rows)
    apart = float((shares - before).abs().max())
    if not apart < APART:
        raise Failed(
            f"What was saved answers otherwise than what was trained (by {apart:.2f}). Train it anew."
        )
    return examined(known, shares)[0].told() | {"reloaded_within": round(apart, 5)}


def _save_head(folder: Path, classifier: Classifier, spec: Spec, least: Sequence[float]) -> None:
    import torch
    from safetensors.torch import save_file

    head = classifier.head
    weights = {"vectors": (LOUD * head.weight.detach()).T, "bias": head.bias.detach()}
    save_file(
        {name: one.to("cpu", torch.float16).contiguous() for name, one in weights.items()}, folder / HEAD
    )
    facts = {
        "labels": classifier.labels,
        "thresholds": least,
        "over": spec.over,
        "pooling": classifier.reading.pooling,
        "length": classifier.reading.length,
    }
    (folder / FACTS).write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", "utf-8")
