from dataclasses import replace

from service.config import Documents
from service.core import Facts, Filed, State
from service.retrieval.loaders import load
from service.retrieval.structure import amended, read_facts
from tests.retrieval.structure.test_facts import HARROW, NORTHGATE


def filed(id: str, title: str, facts: Facts, matter: str = "m") -> Filed:
    return Filed(
        id=id,
        matter=matter,
        title=title,
        kind="txt",
        digest="",
        state=State.READY,
        reason="",
        size=1,
        pages=1,
        pages_without_text=0,
        passages=1,
        characters=1,
        added=0.0,
        facts=facts,
        family=id,
    )


def samples(folder: object) -> list[Filed]:
    files = [file for file in sorted(folder.iterdir()) if file.suffix != ".json"]  # type: ignore[attr-defined]
    return [
        filed(file.stem, file.name, read_facts(load(file.read_bytes(), file.name, "m", Documents()).document))
        for file in files
    ]


def test_the_software_matter_links_its_amendments_addendum_and_side_letter() -> None:
    master = ("Master Software Supply Agreement - 15 January 2024",)
    assert amended(samples(NORTHGATE)) == {
        "Amendment No 1 - 1 September 2024": master,
        "Amendment No 2 - 30 June 2025": master,
        "Data Processing Addendum - 15 January 2024": master,
        "Side Letter - Source Code Escrow - 8 April 2024": master,
    }


def test_of_two_leases_between_the_same_parties_the_right_one_is_linked() -> None:
    ground = ("Lease - Ground Floor - 25 March 2021",)
    assert amended(samples(HARROW)) == {
        "Deed of Variation - Ground Floor - 29 September 2024": ground,
        "Side Letter - Monthly Rent - 29 September 2024": ground,
    }


SUPPLY = filed("s", "Supply.txt", Facts("Supply Agreement", ("Alder, Inc.", "Birch LLC"), "2020-01-02"))
AMENDMENT = filed(
    "a",
    "Amendment.txt",
    Facts(
        "Amendment",
        ("ALDER INC", "Birch, LLC"),
        "2021-01-01",
        amends="the Supply Agreement dated January 2, 2020",
    ),
)


def test_names_are_compared_without_case_and_signs() -> None:
    assert amended([SUPPLY, AMENDMENT]) == {"a": ("s",)}


def test_look_alikes_are_not_linked() -> None:
    other_date = replace(SUPPLY, facts=replace(SUPPLY.facts, dated="2020-01-03"))
    other_parties = replace(SUPPLY, facts=replace(SUPPLY.facts, parties=("Cedar, Inc.", "Dell LLC")))
    other_kind = replace(SUPPLY, title="Lease.txt", facts=replace(SUPPLY.facts, type="Lease"))
    other_matter = replace(SUPPLY, matter="n")
    old_version = replace(SUPPLY, current=False)
    for other in (other_date, other_parties, other_kind, other_matter, old_version):
        assert amended([other, AMENDMENT]) == {}


def test_two_that_fit_alike_are_worse_than_none() -> None:
    assert amended([SUPPLY, replace(SUPPLY, id="t", family="t"), AMENDMENT]) == {}


def test_without_a_date_the_whole_name_must_fit() -> None:
    bare = replace(AMENDMENT, facts=replace(AMENDMENT.facts, amends="the Supply Agreement"))
    vague = replace(AMENDMENT, facts=replace(AMENDMENT.facts, amends="the Master Distribution Agreement"))
    assert amended([SUPPLY, bare]) == {"a": ("s",)}
    assert amended([SUPPLY, vague]) == {}


def test_an_amendment_does_not_amend_its_fellow() -> None:
    second = replace(AMENDMENT, id="b", family="b")
    assert amended([SUPPLY, AMENDMENT, second]) == {"a": ("s",), "b": ("s",)}
