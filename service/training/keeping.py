"""Elastic weight consolidation over an adapter's weights: what general text depends on is dear to move.

Kirkpatrick et al. 2017, with the diagonal of the empirical Fisher information F of general text, a token at a time.
The cost is strength x 1/2 sum F (w - w0)^2: about how many nats a token general text has lost, as far as F can tell.

For a new adapter, whose B is zero, the gradient of A is zero as well: F knows of B alone, under the A that it began
with. So it is a brake on the strength of the adapter, layer by layer, more than a memory of single weights.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from service.training.encoding import Encoded
from service.training.lesson import Lesson

if TYPE_CHECKING:
    from torch import Tensor

FILE = "ewc.safetensors"
FISHER, ANCHOR = "fisher:", "anchor:"


class Consolidation:
    """Fisher information and anchors of the weights that learn, by their names."""

    def __init__(
        self, strength: float, fisher: Mapping[str, "Tensor"], anchors: Mapping[str, "Tensor"]
    ) -> None:
        self._strength, self._fisher, self._anchors = strength, fisher, anchors

    @classmethod
    def measured(
        cls, strength: float, model: Any, lesson: Lesson, texts: Sequence[Encoded], device: Any
    ) -> "Consolidation":
        """From as many backward passes as there are texts; the model is left as it was."""
        fisher = {name: weight.new_zeros(weight.shape) for name, weight in _learning(model)}
        was, read = model.training, sum(text.counted for text in texts)
        model.eval()
        for text in texts:
            _gradient(model, lesson, text, device)
            for name, weight in _learning(model):
                fisher[name] += weight.grad**2 / read
                weight.grad = None
        model.train(was)
        return cls(strength, fisher, {name: weight.detach().clone() for name, weight in _learning(model)})

    def drift(self, model: Any) -> float:
        """What the penalty says has been lost, in nats a token, before it is multiplied by its strength."""
        return float(
            sum((self._fisher[n] * (w.detach() - self._anchors[n]) ** 2).sum() for n, w in _learning(model))
            / 2
        )

    def pull(self, model: Any) -> None:
        """Add the penalty's gradient to the weights' own."""
        for name, weight in _learning(model):
            away = weight.detach() - self._anchors[name]
            weight.grad = self._strength * self._fisher[name] * away + (
                0 if weight.grad is None else weight.grad
            )

    def save(self, folder: Path) -> None:
        """Whole, or not at all; a training that goes on is held to the weights that the first start had."""
        from safetensors.torch import save_file

        part = folder / f"{FILE}.part"
        kept = {FISHER + name: value for name, value in self._fisher.items()}
        save_file(kept | {ANCHOR + name: value for name, value in self._anchors.items()}, part)
        part.rename(folder / FILE)

    @classmethod
    def read(cls, strength: float, folder: Path, device: Any) -> "Consolidation | None":
        from safetensors.torch import load_file

        if not (folder / FILE).is_file():
            return None
        kept = load_file(folder / FILE, device=str(device))
        parts = ({n.removeprefix(p): v for n, v in kept.items() if n.startswith(p)} for p in (FISHER, ANCHOR))
        return cls(strength, *parts)


def _gradient(model: Any, lesson: Lesson, text: Encoded, device: Any) -> None:
    """Of the whole text's log-likelihood: what the base thinks of the text itself, not of its own guess."""
    import torch

    model.zero_grad()
    for part in lesson.stretches([text], device):
        logits = model(**part.inputs, counted=part.counted).float()
        unlikely: Any = torch.nn.functional.cross_entropy(logits, part.targets, reduction="sum")
        unlikely.backward()


def _learning(model: Any) -> Iterator[tuple[str, Any]]:
    for name, weight in getattr(model, "module", model).named_parameters():
        if weight.requires_grad:
            yield name, weight
