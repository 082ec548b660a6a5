"""Guessing the next tokens of an answer, without loss. Pure.

Answers quote: what follows is often what followed the same words before, in the documents or in the answer itself. A
guess is run in one step together with the last token, and each of its tokens is drawn as if it had come alone, so
nothing changes but the speed.

    prompt   … The Landlord shall insure the Building against fire …
    answer   The Landlord shall insure │ the Building against fire   <- guessed, verified in one step
"""

from collections.abc import Iterable, Sequence

LONGEST = 8  # tokens of one guess
_GRAM = 3  # tokens that must agree before a guess is made
_PLACES = 8  # of the latest occurrences that are compared
_REACH = 16  # tokens over which their likeness is measured
_FADE = 0.8  # what a step's experience is worth at the next one
_DOUBT = 2.0  # trials that the likeness alone counts for

# The time of a step on a CPU without flash attention, in that of a token in a full batch (3.4 ms on two cores):
#
#     rows × tokens     1×1  1×3  1×9  2×1  2×5  4×1  4×3  4×9  8×1  8×3  8×9     1×1 and 64 that are read
#     measured, ms       27   46   69   41   80   53  101  178   79  170  333     222
#     by these           27   45   65   39   77   52  101  182   78  175  339     271
#
# A pass over the weights; then each row, which costs more when it has several tokens; prompts make their own pass.
_PASS = 7.6
_ROW, _ROW_OF_ONE = 2.5, 0.9
_SINGLE = 0.8  # of a pass: a single token takes another way through the processor


class Guesser:
    """What one sequence may say next, from what it has said, and how often that was right.

    It learns from every step, also from those in which its guess was not run.
    """

    def __init__(self, prompt: Sequence[int], end_tokens: frozenset[int]) -> None:
        self._tokens: list[int] = []
        self._places: dict[tuple[int, ...], list[int]] = {}  # after which positions these tokens went on
        self._end_tokens = end_tokens
        self._hits = self._trials = 0.0
        self._likeness = 0
        self._guess: tuple[int, ...] = ()
        self._push(prompt)

    @property
    def chance(self) -> float:
        """That the next token of the guess holds, if those before it did."""
        expected = self._likeness / (self._likeness + 2)
        return (self._hits + _DOUBT * expected) / (self._trials + _DOUBT)

    def guess(self) -> tuple[int, ...]:
        """At most LONGEST tokens, none of which ends the answer."""
        places = self._places.get(tuple(self._tokens[-_GRAM:]), [])[-_PLACES:]
        here = len(self._tokens)
        earlier = [place for place in places if place < here]
        found = max(earlier, key=lambda place: (self._alike(place, here), place), default=here)
        self._likeness = self._alike(found, here) if earlier else 0
        self._guess = self._whole(self._tokens[found : found + LONGEST])
        return self._guess

    def learn(self, drawn: Sequence[int]) -> None:
        """These tokens came, in one step; the last guess was for them."""
        for guessed, token in zip(self._guess, drawn, strict=False):
            self._hits = _FADE * self._hits + (guessed == token)
            self._trials = _FADE * self._trials + 1
            if guessed != token:
                break
        self._guess = ()
        self._push(drawn)

    def _push(self, tokens: Iterable[int]) -> None:
        for token in tokens:
            self._tokens.append(token)
            if len(self._tokens) >= _GRAM:
                self._places.setdefault(tuple(self._tokens[-_GRAM:]), []).append(len(self._tokens))

    def _alike(self, one: int, other: int) -> int:
        """How many tokens before the two positions agree, up to the reach."""
        for count in range(min(one, _REACH)):
            if self._tokens[one - 1 - count] != self._tokens[other - 1 - count]:
                return count
        return min(one, _REACH)

    def _whole(self, guess: list[int]) -> tuple[int, ...]:
        end = next((at for at, token in enumerate(guess) if token in self._end_tokens), len(guess))
        return tuple(guess[:end])


def length(guesses: Sequence[tuple[int, float]], reading: int) -> int:
    """How many guessed tokens each row of a step takes at most, so that most tokens come in its time; often none.

    `guesses` has, for each row that decodes, the tokens of its guess and their chance; `reading` counts prompt tokens
    in the same step. Rows whose guess is shorter are filled up, for a pass takes rows of one length.
    """
    return max(range(LONGEST + 1), key=lambda count: _rate(guesses, reading, count))


def _rate(guesses: Sequence[tuple[int, float]], reading: int, count: int) -> float:
    tokens = sum(_expected(min(count, size), chance) for size, chance in guesses)
    return tokens / _cost(len(guesses), 1 + count, reading)


def _expected(count: int, chance: float) -> float:
    return 1 + sum(chance**at for at in range(1, count + 1))


def _cost(rows: int, width: int, reading: int) -> float:
    again = _PASS + reading if reading else 0.0
    if width > 1:
        return _PASS + rows * (_ROW + width) + again
    return _PASS * (_SINGLE if rows == 1 else 1) + rows * (_ROW_OF_ONE + 1) + again
