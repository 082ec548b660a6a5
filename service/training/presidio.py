"""Personal data as presidio finds it, beside what ours finds: names, and numbers that a word beside them explains.

An extra: the package is imported when it is asked for. It reads English. Names need a spaCy model that is installed;
nothing is downloaded. Its own log holds what it reads, so it is silenced, errors included.
"""

import logging
from collections.abc import Iterator
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any

from service.config import Training
from service.errors import BadRequest
from service.training.masking import PLACEHOLDER, Finder, Found, find, joined

LEAST = (
    0.4  # of presidio's score: a form that is rare by itself, or a common one beside a word that explains it
)
LEFT = frozenset({"DATE_TIME", "LOCATION", "NRP", "URL"})  # what contracts are asked for, and nobody's own
CALLED = {
    "EMAIL_ADDRESS": "E-MAIL",
    "PHONE_NUMBER": "PHONE",
    "IBAN_CODE": "IBAN",
    "CREDIT_CARD": "CARD",
    "US_SSN": "SSN",
    "UK_NINO": "NI-NUMBER",
}
LOGS = ("presidio-analyzer", "decision_process", "tldextract")
MISSING = (
    'Personal data is to be found by presidio, which is not installed: pip install "privity[presidio]", or set '
    'training.masking to "own".'
)


def finder(settings: Training) -> Finder:
    """What finds personal data, as the settings have it. Raises BadRequest where it is not there."""
    return find if settings.masking == "own" else opened(settings.masking_model).find


def lacks(settings: Training) -> str:
    """What is not looked for, and the remedy, in a sentence; "" when nothing is missed."""
    return "" if settings.masking == "own" else opened(settings.masking_model).lacks


@lru_cache(maxsize=1)
def opened(model: str) -> "Presidio":
    if find_spec("presidio_analyzer") is None:
        raise BadRequest(MISSING)
    return Presidio(model)


class Presidio:
    """Presidio's recognizers and ours. `lacks` says what they cannot find here."""

    def __init__(self, model: str) -> None:
        for name in LOGS:
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
        self._language, self.lacks = _language(model)
        self._analyzer = _analyzer(self._language, model)
        self._kinds = sorted(set(self._analyzer.get_supported_entities("en")) - LEFT)
        self._lock = Lock()  # a spaCy vocabulary grows while it reads

    def find(self, text: str) -> list[Found]:
        return joined([*find(text), *self._theirs(text)])

    def _theirs(self, text: str) -> Iterator[Found]:
        """What presidio finds between the placeholders that are there already."""
        at = 0
        for start, end in [*(one.span() for one in PLACEHOLDER.finditer(text)), (len(text), len(text))]:
            if text[at:start].strip():
                yield from self._read(text[at:start], at)
            at = end

    def _read(self, text: str, offset: int) -> list[Found]:
        with self._lock, self._language.memory_zone():  # which forgets the words that it learned
            found = self._analyzer.analyze(text, "en", entities=self._kinds, score_threshold=LEAST)
        return [Found(_called(one.entity_type), one.start + offset, one.end + offset) for one in found]


def _called(kind: str) -> str:
    return CALLED.get(kind) or kind.replace("_", "-")


def _language(model: str) -> tuple[Any, str]:
    """The spaCy model, or where it is not installed plain English, with a sentence on what is missed then."""
    import spacy

    if model and (spacy.util.is_package(model) or Path(model).exists()):
        try:
            return spacy.load(model), ""
        except Exception as error:
            raise BadRequest(
                f'The spaCy model "{model}" of training.masking_model cannot be loaded ({type(error).__name__}). '
                "Install it again, or name another."
            ) from None
    plain = spacy.blank("en")
    spacy.Language.component("privity_words", func=_words)
    plain.add_pipe("privity_words")
    return plain, (
        f'Names are not looked for: the spaCy model "{model}" is not installed. Install its wheel with pip, or name '
        "another model or its folder in training.masking_model."
    )


def _words(doc: Any) -> Any:
    """Each word stands for itself, so that presidio knows the words beside a number without a model, too."""
    for token in doc:
        token.lemma_ = token.lower_
    return doc


def _analyzer(language: Any, model: str) -> Any:
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
    from presidio_analyzer.nlp_engine import SpacyNlpEngine

    engine = SpacyNlpEngine(models=[{"lang_code": "en", "model_name": model or "en"}])
    engine.nlp = {"en": language}  # loaded already: its own way would download it
    registry = RecognizerRegistry(supported_languages=["en"])
    registry.load_predefined_recognizers(languages=["en"], nlp_engine=engine)
    registry.remove_recognizer("EmailRecognizer")
    registry.add_recognizer(_emails())
    return AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=["en"])


def _emails() -> Any:
    """Presidio's, which would fetch the list of top-level domains: it takes the one that its library brings."""
    import tldextract
    from presidio_analyzer.predefined_recognizers import EmailRecognizer

    domains = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)

    class Emails(EmailRecognizer):  # type: ignore[misc]
        def validate_result(self, pattern_text: str) -> bool:
            return bool(domains(pattern_text).suffix)

    return Emails()
