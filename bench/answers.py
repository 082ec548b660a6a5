"""Grounded answers against gold: the real Library, Assistant and engine, in this process, in a temporary home.

    python -m bench.answers --data FILE [--corpus DIR] [--adapter NAME] [--limit N] [--threads N] [--save FILE]
        [--train FILE] [--silent] [--paraphrased | --unseen] [--search DIR] [--evidence DIR]

Two forms of rows are told apart by their fields. A row with a `context` (SQuAD form) asks about that passage, which
is filed as a document in a matter of its own. A row without one names a contract under --corpus (default: `corpus`
beside the data's folder): each contract is filed whole, in a matter of its own. `--limit 0` takes every row;
otherwise the sample is drawn evenly over kinds of question and over answerable or not (contracts: over whole
contracts, ROWS questions each), by a fixed seed.

The prediction is the first verbatim piece of evidence, empty for a refusal; `em` and `f1` are SQuAD's, where an
unanswerable question counts 1 when it is refused. `f1_text` takes the whole text of the answer instead.
`citation_precision` is the share of the cited characters that lie in a gold span (what is cited for an unanswerable
question lies in none), `citation_recall` the share of the gold characters that are cited, refusals included.
`quotes_not_in_source` counts citations and marked quotations that do not stand, to the letter, in their document.

Baselines: refuse always; the scorer's best sentence, never refusing, without the model; and with --train (rows of the
same form) a linear scorer for each kind of question (see `linear.py`).

What is quoted does not hang on the model. `--silent` puts one in its place that says nothing, so that every row can be
asked. `--paraphrased` words each question in one of five ways that nothing was trained on, in turn (paraphrases.json).
`--unseen` asks only what `train_embedder.py --unseen` leaves out; give it the pieces that were trained so by `--search`
and `--evidence`, which are settings of those names (evidence "": sentences are compared).
"""

import argparse
import asyncio
import json
import platform
import random
import re
import string
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

sys.path.insert(0, str(Path(__file__).resolve().parent))

from linear import Linear, fitted
from train_embedder import unseen

from service.access import Accounts, Walls
from service.assistant import Assistant
from service.assistant.draft import OWN_WORDS
from service.assistant.evidence import Judge, judge, ranked
from service.config import Engine, Search, Settings
from service.core import (
    BASE,
    Answer,
    Caller,
    Document,
    EngineInfo,
    Generation,
    Message,
    Piece,
    Question,
    Role,
    Sampling,
    Scope,
    Usage,
)
from service.engines import Engine as AnyEngine
from service.engines import open_engine
from service.retrieval import Library, evidence_reader, holds, marked_quotations
from service.storage import Database

PARAPHRASES = Path(__file__).with_name("paraphrases.json")
ROWS = 20  # questions to a contract, in a sample
Span = tuple[int, int]


@dataclass(frozen=True)
class Row:
    key: str  # of the document
    file: Path | None
    text: str  # of the document, when there is no file
    question: str
    category: str
    gold: tuple[Span, ...]
    answers: tuple[str, ...]


@dataclass
class Tally:
    """What the rows came to; every list has one entry a row."""

    em: list[float] = field(default_factory=list)
    f1: list[float] = field(default_factory=list)
    f1_text: list[float] = field(default_factory=list)
    alone: list[float] = field(default_factory=list)  # f1 of the best sentence, never refusing
    linear: list[float] = field(default_factory=list)  # f1 of the linear scorer, where there is one
    linear_refused: list[bool] = field(default_factory=list)
    answerable: list[bool] = field(default_factory=list)
    refused: list[bool] = field(default_factory=list)
    framed: list[bool] = field(default_factory=list)  # the model said something that is borne out
    unsupported: list[bool] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    cited: int = 0
    right: int = 0
    gold: int = 0
    false_quotes: int = 0


# --- rows ------------------------------------------------------------------------------------------------


def read(data: Path, corpus: Path) -> list[Row]:
    return [_row(json.loads(line), corpus) for line in data.read_text("utf-8").splitlines() if line.strip()]


def _row(raw: dict[str, Any], corpus: Path) -> Row:
    context = raw.get("context", "")
    return Row(
        key=f"{raw['doc']}@{raw['offset']}" if context else raw["doc"],
        file=None if context else corpus / raw["doc"],
        text=context,
        question=raw["question"],
        category=raw["category"],
        gold=tuple((answer["start"], answer["end"]) for answer in raw["answers"]),
        answers=tuple(answer["text"] for answer in raw["answers"]),
    )


def sample(rows: Sequence[Row], limit: int) -> list[Row]:
    """About `limit` rows, always the same ones."""
    if not limit or limit >= len(rows):
        return list(rows)
    shuffled = random.Random(0).sample(list(rows), len(rows))
    if rows[0].file:
        keys = list(dict.fromkeys(row.key for row in shuffled))[: max(1, limit // ROWS)]
        groups = [_even([row for row in shuffled if row.key == key], limit // len(keys)) for key in keys]
        return [row for group in groups for row in group]
    return _even(shuffled, limit)


def paraphrased(rows: Sequence[Row]) -> list[Row]:
    """The rows with other questions: each kind's five wordings in turn."""
    known: dict[str, list[str]] = json.loads(PARAPHRASES.read_text("utf-8"))
    turn: Counter[str] = Counter()
    found = []
    for row in rows:
        wordings = known[row.category]
        found.append(replace(row, question=wordings[turn[row.category] % len(wordings)]))
        turn[row.category] += 1
    return found


def left_out(rows: Sequence[Row], data: Path) -> list[Row]:
    """The rows of the kinds that were left out of a training with --unseen."""
    tests = json.loads((data / "legalbenchrag/cuad_train.json").read_text("utf-8"))["tests"]
    left = unseen([test["category"] for test in tests])
    return [row for row in rows if row.category in left]


def _even(rows: Sequence[Row], limit: int) -> list[Row]:
    """One row of each kind in turn; answerable and not keep their shares."""
    taken = []
    for answerable in (True, False):
        some = [row for row in rows if bool(row.gold) is answerable]
        turn: Counter[str] = Counter()
        keyed = []
        for row in some:
            keyed.append((turn[row.category], row))
            turn[row.category] += 1
        keyed.sort(key=lambda pair: pair[0])
        taken += [row for _, row in keyed[: round(limit * len(some) / len(rows))]]
    return taken


# --- measures --------------------------------------------------------------------------------------------


def plain(text: str) -> list[str]:
    """SQuAD's: lower case, no punctuation, no articles."""
    bare = "".join(letter for letter in text.lower() if letter not in string.punctuation)
    return re.sub(r"\b(a|an|the)\b", " ", bare).split()


def f1(said: str, answers: Sequence[str]) -> float:
    """The best F1 over the gold answers; 1 for silence where there is none."""
    if not answers:
        return float(not said)
    return max(_overlap(Counter(plain(said)), Counter(plain(answer))) for answer in answers)


def _overlap(one: Counter[str], other: Counter[str]) -> float:
    both = (one & other).total()
    return 2 * both / (one.total() + other.total()) if both else 0.0


def em(said: str, answers: Sequence[str]) -> float:
    return float(any(plain(said) == plain(answer) for answer in answers) if answers else not said)


def false_quotes(answer: Answer, documents: dict[str, Document]) -> int:
    """Citations and marked quotations of an answer that are not to the letter in their document."""
    cited = {citation.n: documents[citation.document].text for citation in answer.citations}
    wrong = sum(not holds(citation, documents[citation.document].text) for citation in answer.citations)
    return wrong + sum(words not in cited.get(n, "") for words, n in marked_quotations(answer.text))


def count(
    tally: Tally, row: Row, answer: Answer, alone: str, linear: str | None, documents: dict[str, Document]
) -> None:
    said = answer.citations[0].quote if answer.citations else ""
    tally.em.append(em(said, row.answers))
    tally.f1.append(f1(said, row.answers))
    tally.f1_text.append(f1("" if answer.refused else answer.text, row.answers))
    tally.alone.append(f1(alone, row.answers))
    if linear is not None:
        tally.linear.append(f1(linear, row.answers))
        tally.linear_refused.append(not linear)
    tally.answerable.append(bool(row.answers))
    tally.refused.append(answer.refused is not None)
    tally.framed.append(bool(re.search(rf"\n{OWN_WORDS} [^\n]*\[\d+\]", answer.text)))
    tally.unsupported.append(bool(answer.unsupported))
    tally.seconds.append(answer.seconds)
    gold = {at for start, end in row.gold for at in range(start, end)}
    evidence = [citation for citation in answer.citations if citation.role == "evidence"]
    cited = {at for citation in evidence for at in range(citation.start, citation.end)}
    tally.gold += len(gold)
    tally.cited += len(cited)
    tally.right += len(gold & cited)
    tally.false_quotes += false_quotes(answer, documents)


def report(tally: Tally) -> dict[str, Any]:
    """Fractions, but for counts and seconds."""
    pick = tally.answerable
    answerable = [value for value, yes in zip(tally.f1, pick, strict=True) if yes]
    alone = [value for value, yes in zip(tally.alone, pick, strict=True) if yes]
    silent = [refused for refused, yes in zip(tally.refused, pick, strict=True) if not yes]
    wrong = [refused for refused, yes in zip(tally.refused, pick, strict=True) if yes]
    return {
        "n": len(tally.f1),
        "answerable": len(answerable),
        "em": mean(tally.em),
        "f1": mean(tally.f1),
        "f1_answerable": mean(answerable),
        "f1_text": mean(tally.f1_text),
        "refusal_right": mean(silent),
        "refusal_wrong": mean(wrong),
        "citation_precision": tally.right / tally.cited if tally.cited else 0.0,
        "citation_recall": tally.right / tally.gold if tally.gold else 0.0,
        "quotes_not_in_source": tally.false_quotes,
        "framed": mean(tally.framed),
        "unsupported": mean(tally.unsupported),
        "median_seconds": round(sorted(tally.seconds)[len(tally.seconds) // 2], 2) if tally.seconds else 0.0,
        "baselines": {
            "always_refuse": {"f1": len(silent) / max(1, len(pick)), "f1_answerable": 0.0},
            "best_sentence": {"f1": mean(tally.alone), "f1_answerable": mean(alone)},
        }
        | _linear(tally),
    }


def _linear(tally: Tally) -> dict[str, Any]:
    if not tally.linear:
        return {}
    rows = list(zip(tally.answerable, tally.linear, tally.linear_refused, strict=True))
    return {
        "linear_per_question": {
            "f1": mean(tally.linear),
            "f1_answerable": mean([value for yes, value, _ in rows if yes]),
            "refusal_right": mean([refused for yes, _, refused in rows if not yes]),
            "refusal_wrong": mean([refused for yes, _, refused in rows if yes]),
        }
    }


def mean(values: Sequence[float]) -> float:
    return round(sum(values) / len(values), 4) if values else 0.0


# --- the run ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Bench:
    library: Library
    assistant: Assistant
    walls: Walls
    caller: Caller
    results: int
    judge: Judge

    def matter(self, row: Row) -> tuple[Scope, dict[str, Document]]:
        """The row's document, alone in a matter of its own."""
        name = "".join(letter if letter.isalnum() else "-" for letter in row.key)[-60:]
        card = self.walls.open_matter(self.caller, name or "bench")
        scope = self.walls.scope(self.caller, [card.id])
        data, title = (
            (row.file.read_bytes(), row.file.name) if row.file else (row.text.encode(), "Passage.txt")
        )
        filed = self.library.add(data, title, scope, card.id)
        self.library.wait()
        document = self.library.read(filed.id, scope)
        assert not row.text or document.text == row.text, "the loader changed the passage's offsets"
        return scope, {document.id: document}

    async def ask(self, row: Row, scope: Scope) -> Answer:
        question = Question((Message("user", row.question),), scope, sampling=Sampling(max_tokens=160))
        async for event in self.assistant.ask(question):
            if isinstance(event, Answer):
                return event
        raise RuntimeError("no answer came")

    def alone(self, row: Row, scope: Scope) -> str:
        """The best sentence by the scorer."""
        found = self.library.search(row.question, scope, self.results)
        best = ranked(row.question, found.passages, self.library.embedder.embed, self.judge)
        return best[0].text if best else ""


class Silent:
    """An engine that says nothing at all."""

    info = EngineInfo("none", "none", "", context=8192, threads=0, slots=1)

    def count(self, messages: Sequence[Message]) -> int:
        return sum(len(message.content) for message in messages) // 4

    async def submit(self, generation: Generation) -> AsyncIterator[Piece]:
        return self._pieces()

    async def _pieces(self) -> AsyncIterator[Piece]:
        yield Piece("", "stop", Usage())

    def close(self) -> None:
        pass


@contextmanager
def opened(threads: int, search: Search, silent: bool) -> Iterator[Bench]:
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(home=Path(folder), engine=Engine(threads=threads), search=search)
        database = Database(settings.home / "privity.db")
        accounts = Accounts(database, 1)
        password = accounts.add("bench", Role.MEMBER)
        caller = accounts.authenticate(accounts.sign_in("bench", password).token)
        with (
            closing(database),
            closing(Library(settings.home, database, settings)) as library,
            closing(cast(AnyEngine, Silent()) if silent else open_engine(settings)) as engine,
        ):
            reader = evidence_reader(settings.search)[0]
            assistant = Assistant(engine, library, settings, reader)
            yield Bench(library, assistant, Walls(database), caller, settings.search.results, judge(reader))


async def measure(bench: Bench, rows: Sequence[Row], linear: Linear | None) -> Tally:
    tally, began = Tally(), time.monotonic()
    matters: dict[str, tuple[Scope, dict[str, Document]]] = {}
    for number, row in enumerate(rows, 1):
        if row.key not in matters:
            matters[row.key] = await asyncio.to_thread(bench.matter, row)
        scope, documents = matters[row.key]
        answer = await bench.ask(row, scope)
        plainly = linear.answer(row.category, row.text) if linear else None
        count(tally, row, answer, await asyncio.to_thread(bench.alone, row, scope), plainly, documents)
        if number % 20 == 0 or number == len(rows):
            print(
                f"{number}/{len(rows)} rows, {time.monotonic() - began:.0f} s, f1 {mean(tally.f1):.3f}",
                flush=True,
            )
    return tally


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="rows, JSON lines")
    parser.add_argument("--corpus", type=Path, help="folder of the contracts that rows name")
    parser.add_argument("--adapter", default=BASE.name, help="who frames the answers")
    parser.add_argument("--limit", type=int, default=120, help="rows in the sample; 0 takes all")
    parser.add_argument("--threads", type=int, default=0, help="of the model; 0 takes all cores")
    parser.add_argument(
        "--train", type=Path, help="rows of the same form that the linear baseline is fitted on"
    )
    parser.add_argument("--silent", action="store_true", help="no model: what is quoted does not hang on it")
    parser.add_argument(
        "--paraphrased", action="store_true", help="ask in wordings that nothing was trained on"
    )
    parser.add_argument(
        "--unseen", action="store_true", help="only the kinds of question that --unseen leaves out"
    )
    parser.add_argument("--search", default=Search().adapter, help="the setting search.adapter")
    parser.add_argument("--evidence", default=Search().evidence, help="the setting search.evidence")
    parser.add_argument("--save", type=Path, help="where the result is written as well")
    given = parser.parse_args()
    if given.adapter != BASE.name:
        parser.error(f'there is no adapter "{given.adapter}": only "{BASE.name}" is served so far')
    rows = read(given.data, given.corpus or given.data.parent.parent / "corpus")
    rows = left_out(rows, given.data.parent.parent) if given.unseen else rows
    rows = sample(rows, given.limit)
    rows = paraphrased(rows) if given.paraphrased else rows
    search = Search(adapter=given.search, evidence=given.evidence)
    with opened(given.threads, search, given.silent) as bench:
        result = report(asyncio.run(measure(bench, rows, fitted(given.train) if given.train else None)))
    for name, value in result.items():
        print(f"{name:24} {value}")
    about = {
        "adapter": given.adapter,
        "asked": "paraphrased" if given.paraphrased else "left out" if given.unseen else "as worded",
        "search": given.search,
        "evidence": given.evidence,
        "model": "none" if given.silent else "embedded",
        "machine": f"{platform.machine()}, {platform.python_version()}",
    }
    if given.save:
        stamp = {"date": time.strftime("%Y-%m-%d"), "data": given.data.name, "limit": given.limit}
        given.save.write_text(json.dumps(result | about | stamp, indent=1) + "\n", "utf-8")
    print(json.dumps(result | about))


if __name__ == "__main__":
    main()
