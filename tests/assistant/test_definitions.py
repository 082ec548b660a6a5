from service.assistant.definitions import LONGEST, MOST, explain
from service.config import Documents
from service.core import Citation, Document
from service.retrieval import Structure, cite, holds, read_structure
from service.retrieval.loaders import load

TEXT = """SUPPLY AGREEMENT

This Agreement is made between Alder, Inc., a company of Ohio with offices at 9 Long Road, Old Town, Ohio 12345
("Seller"), and Birch LLC, a company of Texas with offices at 7 Short Road, New Town, Texas 54321 ("Buyer").

1. Definitions

1.1 "Goods" means the bolts and nuts listed in Schedule A.

1.2 "Price" means the price of the Goods in dollars.

1.3 "Due Date" means the thirtieth day after the invoice.

1.4 "Rate" means four per cent a year.

2. Payment

2.1 The Buyer shall pay the Price of the Goods on the Due Date. Late payment bears interest at the Rate.

2.2 The Price is due whatever happens.
"""


def papers(text: str = TEXT) -> tuple[Document, Structure]:
    document = load(text.encode(), "supply.txt", "m", Documents()).document
    return document, read_structure(document)


def quoted(document: Document, words: str, n: int = 1) -> Citation:
    start = document.text.index(words)
    return cite(n, document, start, start + len(words), "")


PAYMENT = (
    "The Buyer shall pay the Price of the Goods on the Due Date. Late payment bears interest at the Rate."
)


def test_the_terms_of_a_quotation_are_explained_in_the_order_of_use() -> None:
    document, structure = papers()
    cited = (quoted(document, PAYMENT, 4),)
    found = explain(cited, {document.id: document}, {document.id: structure})
    assert [one.quote.split('"')[1] for one in found] == ["Price", "Goods", "Due Date"]
    assert [one.n for one in found] == [5, 6, 7]
    assert len(found) == MOST
    assert all(one.role == "definition" and one.verified and holds(one, document.text) for one in found)
    assert found[0].heading == "SUPPLY AGREEMENT › 1. Definitions › 1.2"


def test_parties_named_at_length_and_what_is_cited_already_are_left_out() -> None:
    document, structure = papers()
    cited = (quoted(document, PAYMENT), quoted(document, '"Price" means the price of the Goods', 2))
    found = explain(cited, {document.id: document}, {document.id: structure})
    assert [one.quote.split('"')[1] for one in found] == ["Goods", "Due Date", "Rate"]


def test_a_quotation_without_defined_terms_explains_nothing() -> None:
    document, structure = papers()
    cited = (quoted(document, "whatever happens"),)
    assert explain(cited, {document.id: document}, {document.id: structure}) == ()
    assert explain(cited, {}, {document.id: structure}) == ()
    assert explain((), {}, {}) == ()


def test_a_long_definition_is_shown_as_far_as_a_sentence_of_it() -> None:
    items = "\n\n".join(
        f"({sign}) the thing numbered {n} {'of a long row ' * 8};" for n, sign in enumerate("abcdefgh")
    )
    document, structure = papers(
        f'1. Terms\n\n1.1 "Things" means:\n\n{items}\n\n2. Use\n\nThings are used.\n'
    )
    (found,) = explain(
        (quoted(document, "Things are used"),), {document.id: document}, {document.id: structure}
    )
    assert len(found.quote) <= LONGEST
    assert found.quote.endswith(";")
    assert holds(found, document.text)
