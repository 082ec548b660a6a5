"""A LoRA's layers and attention in bfloat16 on a CPU, in fewer passes over memory than PEFT's and transformers' own.

There the multiplications are fast and what lies between them is not: PEFT turns each layer's input into float32 and
autocast turns it back, and the weights of attention, a square of the length for every head, are written six times.
The figures are the same but for the last bit. Only a training in bf16 uses them.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

ATTENTION = "privity_swift"


def quicken(model: Any) -> None:
    """Give the LoRA layers of a model for one adapter, without dropout or bias, their short way."""
    adapted = _adapted()
    for module in model.modules():
        if _plain(module):
            module.forward = _forward(module, adapted)


def _plain(module: Any) -> bool:
    """Whether it is a LoRA over a linear layer with nothing special about it."""
    import torch

    base, halves = getattr(module, "base_layer", None), getattr(module, "lora_A", None)
    if type(base) is not torch.nn.Linear or base._parameters["bias"] is not None:
        return False
    if not halves or len(halves) != 1:
        return False
    name = next(iter(halves))
    idle = isinstance(module.lora_dropout[name], torch.nn.Identity)
    return idle and name not in module.lora_variant and halves[name].bias is None


def _forward(module: Any, adapted: Any) -> Any:
    name = next(iter(module.lora_A))
    base, lower, upper = module.base_layer, module.lora_A[name], module.lora_B[name]

    def forward(x: "Tensor") -> "Tensor":
        if module.disable_adapters or module.merged:
            return base(x)  # type: ignore[no-any-return]
        return adapted.apply(x, base.weight, lower.weight, upper.weight, module.scaling[name])  # type: ignore[no-any-return]

    return forward


def _adapted() -> Any:
    """y = Wx + s B(Ax), and the way back, of which W needs none. torch is imported late, so the class is made here."""
    import torch

    class Adapted(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any, weight: Any, lower: Any, upper: Any, scale: float) -> Any:
            rows = x.reshape(-1, x.shape[-1]).to(weight.dtype)
            low, up = lower.to(weight.dtype), (upper * scale).to(weight.dtype)
            between = rows @ low.T
            ctx.save_for_backward(rows, weight, low, up, between)
            ctx.scale, ctx.shape, ctx.kind = scale, x.shape, x.dtype
            made = torch.addmm(rows @ weight.T, between, up.T)
            return made.view(*x.shape[:-1], weight.shape[0])

        @staticmethod
        def backward(ctx: Any, *given: Any) -> Any:
            rows, weight, low, up, between = ctx.saved_tensors
            back = given[0].reshape(-1, weight.shape[0]).to(weight.dtype)
            narrow = back @ up
            on = torch.addmm(back @ weight, narrow, low).view(ctx.shape).to(ctx.kind)
            lower, upper = (narrow.T @ rows).float(), (back.T @ between).float() * ctx.scale
            return on, None, lower, upper, None

    return Adapted


def register() -> str:
    """Make the attention known to transformers; returns its name. Its masks are those of the plain form."""
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import eager_mask

    AttentionInterface.register(ATTENTION, _attend)
    AttentionMaskInterface.register(ATTENTION, eager_mask)
    return ATTENTION


def _attend(
    module: Any,
    query: Any,
    key: Any,
    value: Any,
    attention_mask: Any,
    scaling: float,
    dropout: float = 0.0,
    **_: Any,
) -> Any:
    """As transformers wants it: heads second, and the length second in what is returned."""
    assert not dropout, "attention with dropout is not for this form"
    batch, heads, length, wide = query.shape
    shared = key.shape[1]
    grouped = (query * scaling).reshape(batch * shared, heads // shared * length, wide)
    flat = [one.reshape(batch * shared, -1, wide) for one in (key, value)]
    made = _attended().apply(grouped, *flat, attention_mask, length)
    return made.view(batch, heads, length, wide).transpose(1, 2).contiguous(), None


_made: list[Any] = []


def _attended() -> Any:
    """Attention whose weights are written once forth and once back. Heads that share keys stand in one matrix."""
    import torch

    if _made:
        return _made[0]

    class Attended(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, query: Any, key: Any, value: Any, mask: Any, length: int) -> Any:
            weights = query @ key.transpose(1, 2)
            if mask is not None:
                by_row = weights.view(mask.shape[0], -1, length, key.shape[1])
                by_row += mask
            weights = torch.softmax(weights, -1)
            ctx.save_for_backward(query, key, value, weights)
            return weights @ value

        @staticmethod
        def backward(ctx: Any, *given: Any) -> Any:
            query, key, value, weights = ctx.saved_tensors
            back = given[0]
            own = weights.transpose(1, 2) @ back
            slope = torch._softmax_backward_data(back @ value.transpose(1, 2), weights, -1, weights.dtype)
            return slope @ key, slope.transpose(1, 2) @ query, own, None, None

    _made.append(Attended)
    return Attended
