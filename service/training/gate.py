"""Whether a candidate has earned its place: better at the task for certain, and no worse at the rest. Pure."""

from dataclasses import dataclass

from service.training.scores import Interval

PERPLEXITY = 1.10  # times the base's on general text, at most
CHOICES = 0.10  # of the general questions that it may answer worse than the base


@dataclass(frozen=True, slots=True)
class General:
    """What is left of general ability: perplexity a token on plain text, and the share of questions chosen right."""

    perplexity: float
    right: float
    texts: int = 0
    questions: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """`reasons` say why not; where there are any, approval needs a written reason of its own."""

    passed: bool
    reasons: tuple[str, ...] = ()


def judge(gain: Interval, measure: str, rival: str, general: General | None, base: General | None) -> Verdict:
    """`gain` is the candidate's measure less its rival's, row by row; `rival` names what it is to replace."""
    reasons = [*_better(gain, measure, rival), *_forgotten(general, base)]
    return Verdict(not reasons, tuple(reasons))


def _better(gain: Interval, measure: str, rival: str) -> list[str]:
    if gain.low > 0:
        return []
    if gain.value <= 0:
        return [f"{measure} is no higher than that of {rival}: {100 * gain.value:+.1f} points."]
    return [
        f"That {measure} is higher than that of {rival} is not certain: {100 * gain.value:+.1f} points, "
        f"between {100 * gain.low:+.1f} and {100 * gain.high:+.1f}."
    ]


def _forgotten(general: General | None, base: General | None) -> list[str]:
    if general is None or base is None:
        return []
    reasons = []
    if not general.perplexity <= base.perplexity * PERPLEXITY:
        reasons.append(
            f"It has forgotten general text: its perplexity is {general.perplexity:.1f}, the base's "
            f"{base.perplexity:.1f}, and {PERPLEXITY:g} times that is allowed."
        )
    if base.right - general.right > CHOICES:
        reasons.append(
            f"It has forgotten general knowledge: it chooses {100 * general.right:.0f} % of the answers right, the "
            f"base {100 * base.right:.0f} %, and {100 * CHOICES:.0f} points less are allowed."
        )
    return reasons
