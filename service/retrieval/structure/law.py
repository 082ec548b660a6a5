"""The governing law that a document names. Pure.

It is looked for where something is said to govern, or where the document is construed, and only near the word "law".
"""

import re
from itertools import islice

REACH = 420  # characters after "governed by" in which the place is named

_STATES = (
    "Alabama|Alaska|Arizona|Arkansas|California|Colorado|Connecticut|Delaware|Florida|Georgia|Hawaii|Idaho|Illinois"
    "|Indiana|Iowa|Kansas|Kentucky|Louisiana|Maine|Maryland|Massachusetts|Michigan|Minnesota|Mississippi|Missouri"
    "|Montana|Nebraska|Nevada|New Hampshire|New Jersey|New Mexico|New York|North Carolina|North Dakota|Ohio|Oklahoma"
    "|Oregon|Pennsylvania|Rhode Island|South Carolina|South Dakota|Tennessee|Texas|Utah|Vermont|Virginia"
    "|West Virginia|Washington|Wisconsin|Wyoming|District of Columbia|Puerto Rico"
)
_COUNTRIES = (
    "England and Wales|England & Wales|England|Scotland|Northern Ireland|Wales|Ireland|Jersey|Guernsey|Isle of Man"
    "|Ontario|British Columbia|Alberta|Quebec|Manitoba|Nova Scotia|Canada|New South Wales|Victoria|Queensland"
    "|Australia|New Zealand|Germany|France|Switzerland|Netherlands|Belgium|Luxembourg|Austria|Italy|Spain|Portugal"
    "|Denmark|Sweden|Norway|Finland|Poland|Israel|India|Singapore|Hong Kong|Macau|Taiwan|Japan|Korea|Malaysia"
    "|Thailand|Indonesia|Philippines|Vietnam|People[’']s Republic of China|P\\.?R\\.? ?China|PRC|P\\.R\\.C|China"
    "|Brazil|Mexico|Argentina|Chile|Colombia|Peru|South Africa|Kazakhstan|Russian Federation|Russia|Ukraine|Turkey"
    "|Cyprus|Malta|Greece|Bermuda|Cayman Islands|British Virgin Islands|Bahamas|Panama|Papua New Guinea|Nigeria"
    "|Kenya|Egypt|Dubai|United Arab Emirates|Saudi Arabia|Qatar|Liechtenstein|Monaco|Iceland|Czech Republic|Hungary"
)
_ADJECTIVES = {
    "english": "England",
    "scottish": "Scotland",
    "scots": "Scotland",
    "irish": "Ireland",
    "german": "Germany",
    "french": "France",
    "swiss": "Switzerland",
    "dutch": "Netherlands",
    "italian": "Italy",
    "spanish": "Spain",
    "swedish": "Sweden",
    "japanese": "Japan",
    "chinese": "China",
    "israeli": "Israel",
    "indian": "India",
    "canadian": "Canada",
    "australian": "Australia",
    "danish": "Denmark",
    "norwegian": "Norway",
    "belgian": "Belgium",
}
_KNOWN = re.compile(rf"(?<!\w)(?:{_STATES}|{_COUNTRIES})(?!\w)", re.I)
_OF_A_PLACE = re.compile(rf"(?<!\w)(?P<adjective>{'|'.join(_ADJECTIVES)})(?=\s(?:\w+\s)?laws?\b)", re.I)
_OTHER = re.compile(
    r"\b[Ll][Aa][Ww][Ss]?\s(?:[a-z]+\s){0,3}?(?:of|in)\s(?:the\s)?"
    r"(?:(?:State|Republic|Province|Commonwealth|Kingdom)\sof\s(?:the\s)?)(?P<place>[A-Z]\w+(?:\s[A-Z]\w+){0,2})"
)
_GOVERNS = (  # what says that a law governs: surely, and likely
    re.compile(
        r"\bgovern(?:ed\b|ing\s(?:and\s\w+\s)?laws?\b)|\bconstru(?:ed|ction)\b|\binterpreted\b"
        r"|\b(?:applicable|choice\sof)\slaws?\b|(?P<after>\b(?:shall|will)\s(?:\w+\s)?(?:govern|control)\b)",
        re.I,
    ),
    re.compile(r"\b(?:subject\sto|in\saccordance\swith|under|bound\sby)\s(?:the\s)?(?:\w+\s)?laws?\b", re.I),
)
MOST = 300  # places in a document that are looked at
_LAW = re.compile(r"\blaws?\b", re.I)
_ALIEN = re.compile(
    r"\b(?:organi[sz]ed|incorporated|existing|courts?|venue|jurisdiction|arbitrat\w*|conflicts?|resident|duly|office|located|filed"
    r"|corporation|qualified|act|securities|except)\b",
    re.I,
)
_NATION = re.compile(r"\bUnited\sStates(?:\sof\sAmerica)?\b|\bU\.S\.A?\b", re.I)


def governing_law(text: str) -> str:
    """The place whose law governs: "England and Wales", "New York"; "" where none is named."""
    others = list[str]()
    for form in _GOVERNS:
        for governs in islice(form.finditer(text), MOST):
            window = _window(text, governs)
            place = _place(window)
            if place:
                return place
            found = _OTHER.search(window)
            others += [found["place"]] if found else []
            others += ["United States"] if _near_law(window, _NATION) else []
    return others[0] if others else ""


def _window(text: str, governs: "re.Match[str]") -> str:
    """Where the law is named: after "governed by", before "shall govern"; nothing where courts or acts are meant."""
    if _ALIEN.search(text, max(0, governs.start() - 40), governs.start()):
        return ""
    if governs.groupdict().get("after"):
        return " ".join(text[max(0, governs.start() - 160) : governs.start()].split())
    return " ".join(text[governs.start() : governs.end() + REACH].split())


def _place(window: str) -> str:
    """The first place that the words "the laws of" lead to, or that stands before "law"."""
    found = _near_law(window, _KNOWN)
    adjective = _OF_A_PLACE.search(window)
    if adjective and (found is None or adjective.start() < found.start()):
        return _ADJECTIVES[adjective["adjective"].lower()]
    if found is None:
        return ""
    more = re.match(r",?\s(?:and|or|&)\s(?:of\s)?Wales\b", window[found.end() :], re.I)
    return _spelled(found.group()) + (" and Wales" if more else "")


def _near_law(window: str, places: "re.Pattern[str]") -> "re.Match[str] | None":
    for law in _LAW.finditer(window):
        after = places.search(window, law.end(), min(len(window), law.end() + 110))
        if (
            after
            and not _ALIEN.search(window, law.end(), after.start())
            and not _ended(window[law.end() : after.start()])
        ):
            return after
        before = places.search(window, max(0, law.start() - 30), law.start())
        if before and re.fullmatch(r"\s(?:[a-z]+\s){0,2}", window[before.end() : law.start()]):
            return before
    return None


def _ended(words: str) -> bool:
    return re.search(r"[.;]\s", words) is not None


def _spelled(words: str) -> str:
    """Capitals made a name's, and the abbreviations of China written out."""
    if re.fullmatch(r"P\.?R\.? ?C(?:hina)?", words, re.I):
        return "People’s Republic of China"
    if not words.isupper():
        return words
    return " ".join(w.lower() if w.lower() in ("of", "and", "the") else w.capitalize() for w in words.split())
