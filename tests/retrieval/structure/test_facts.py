from pathlib import Path

import pytest
from hypothesis import given

from service.core import Document, Facts
from service.retrieval.structure import read_facts, read_structure
from service.retrieval.structure.dates import dates
from service.retrieval.structure.law import governing_law
from service.retrieval.structure.parties import parties
from tests.retrieval.structure.papers import LEASE, bare, papers, read

SAMPLES = Path(__file__).parents[3] / "samples"
NORTHGATE, HARROW = SAMPLES / "northgate-software-supply", SAMPLES / "harrow-estates-v-lyle"


def facts(folder: Path, name: str) -> Facts:
    from service.config import Documents
    from service.retrieval.loaders import load

    file = folder / name
    return read_facts(load(file.read_bytes(), name, "m", Documents()).document)


QUILLAM, COLD = "QUILLAM SYSTEMS, INC.", "NORTHGATE COLD STORAGE, INC."


def test_a_supply_agreement_says_who_when_and_under_which_law() -> None:
    found = facts(NORTHGATE, "Master Software Supply Agreement - 15 January 2024.pdf")
    assert found == Facts("Software Supply Agreement", (QUILLAM, COLD), "2024-01-15", "New York")


def test_a_lease_names_people_and_companies() -> None:
    found = facts(HARROW, "Lease - Ground Floor - 25 March 2021.pdf")
    names = ("HARROW ESTATES (AVERSTONE) LIMITED", "LYLE INSTRUMENTS LIMITED", "MAGNUS EDWIN LYLE")
    assert found == Facts("Lease", names, "2021-03-25", "England and Wales")


def test_amendments_name_what_they_amend_in_their_own_words() -> None:
    found = facts(NORTHGATE, "Amendment No 2 - 30 June 2025.docx")
    assert (found.type, found.dated) == ("Amendment", "2025-06-30")
    assert found.amends == "the Master Software Supply Agreement between them dated January 15, 2024"
    letter = facts(NORTHGATE, "Side Letter - Source Code Escrow - 8 April 2024.docx")
    assert (letter.type, letter.dated) == ("Side Letter", "2024-04-08")
    assert letter.amends == "Master Software Supply Agreement dated January 15, 2024"


def test_letters_e_mails_and_minutes_have_their_own_heads() -> None:
    letter = facts(HARROW, "Letter - Brackley Soames to Lyle - 4 December 2025.txt")
    assert letter == Facts("Letter", ("BRACKLEY SOAMES LLP", "Lyle Instruments Limited"), "2025-12-04")
    mail = facts(NORTHGATE, "Email - Renewal terms.eml")
    assert mail == Facts("E-mail", ("Leonie Faraday-Marsh", "Ruth Okonedo-Strand"), "2025-06-13")
    minutes = facts(NORTHGATE, "Board Minutes - 24 June 2025.txt")
    assert (minutes.type, minutes.dated) == ("Minutes", "2025-06-24")


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("June 21, 1999", "1999-06-21"),
        ("21 June 1999", "1999-06-21"),
        ("the 31st day of March, 2000", "2000-03-31"),
        ("the 6t h day of March, 2006", "2006-03-06"),
        ("January 6th, 2016", "2016-01-06"),
        ("2004-05-06", "2004-05-06"),
        ("18/9/2008", "2008-09-18"),
        ("6/8/10", "2010-06-08"),
        ("Sept. 5, 2011", "2011-09-05"),
        ("February 30, 2011", None),
        ("Section 4/5/6.7", None),
        ("May 2011", None),
    ],
)
def test_dates_as_contracts_write_them(text: str, iso: str | None) -> None:
    assert next((found for _, _, found in dates(f"made on {text} by us")), None) == iso


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (
            'by and between Alder, Inc., a Nevada corporation ("Alder"), and Birch & Co. Ltd ("Birch").',
            ("Alder, Inc.", "Birch & Co. Ltd"),
        ),
        (
            "is made by and among ALDER (HONG KONG) LIMITED, BIRCH GmbH and Cedar Bank, N.A. (the “Parties”)",
            ("ALDER (HONG KONG) LIMITED", "BIRCH GmbH", "Cedar Bank, N.A."),
        ),
        (
            "between Dana Elder, of 3 Tollgate Yard (the Landlord) and Finn Gale, of Unit 9 (the Tenant)",
            ("Dana Elder", "Finn Gale"),
        ),
        ("Party A: Alder Limited\n\nParty B: Birch Limited\n\n", ("Alder Limited", "Birch Limited")),
        ("between the hours of nine and five on Monday and Friday", ()),
    ],
)
def test_parties_are_cut_cleanly_with_their_legal_form(text: str, names: tuple[str, ...]) -> None:
    assert parties(f"AGREEMENT\n\nThis Agreement {text}\n\nWHEREAS the parties agree.") == names


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("This Agreement is governed by the laws of the State of New York, U.S.A.", "New York"),
        ("THIS AGREEMENT SHALL BE GOVERNED BY THE LAWS OF THE STATE OF DELAWARE APPLICABLE", "Delaware"),
        ("This deed is governed by the law of England and Wales.", "England and Wales"),
        ("This letter shall be construed in accordance with English law.", "England"),
        ("governed by and construed under the laws of Germany, excluding its conflict rules", "Germany"),
        ("The laws of the Commonwealth of Pennsylvania shall govern.", "Pennsylvania"),
        ("Governing Law. The laws of the Republic of Ruritania apply.", "Ruritania"),
        ("Alder, a corporation organized under the laws of Ohio, agrees.", ""),
        ("The Seller obeys the law and is governed by its board.", ""),
    ],
)
def test_the_governing_law(text: str, place: str) -> None:
    assert governing_law(text) == place


@pytest.mark.parametrize(
    ("title", "line", "kind"),
    [
        ("a.txt", "EXHIBIT 10.5\n\nMASTER SUPPLY AGREEMENT", "Supply Agreement"),
        ("a.txt", "CO-BRANDING AND ADVERTISING AGREEMENT", "Co-Branding and Advertising Agreement"),
        ("a.txt", "AMENDMENT NO. 3 TO THE SUPPLY AGREEMENT", "Amendment"),
        ("a.txt", "DEED OF VARIATION", "Deed of Variation"),
        ("Side Letter - rent.docx", "Dear Sirs", "Side Letter"),
        ("a.txt", "LEASE", "Lease"),
        ("a.txt", "Dear Sirs", "Letter"),
        ("a.txt", "Nothing in particular", ""),
    ],
)
def test_types_by_title_line_and_file_name(title: str, line: str, kind: str) -> None:
    assert read_facts(read(f"{line}\n\nWords follow.\n", title)).type == kind


def test_a_date_left_blank_is_no_date() -> None:
    text = (
        "AGENCY AGREEMENT\n\nThis Agreement is made as of ________ __, 2000 with holders as of May 1, 1999.\n"
    )
    assert read_facts(read(text, "agency.txt")).dated == ""


def test_the_lease_of_these_tests() -> None:
    found = read_facts(read(LEASE))
    assert found == Facts("Lease", ("ALDER ESTATES LIMITED", "BIRCH & CO. LTD"), "2022-06-24")


@given(papers)
def test_any_text_has_facts(text: str) -> None:
    found = read_facts(bare(text))
    assert all(name.strip() == name and name for name in found.parties)
    assert found.dated == "" or len(found.dated) == 10


@pytest.mark.parametrize(
    "seed",
    [
        '"',
        "(",
        '("A") ',
        ". 1. A",
        "\nExhibit A\n",
        " ",
        "\n",
        '"X" means ',
        "law ",
        "between A and ",
        "Section 1, ",
    ],
)
def test_hostile_text_takes_seconds_at_most(seed: str) -> None:
    """What grows faster than its text would take minutes here."""
    import time

    text = seed * (80_000 // len(seed))
    began = time.process_time()
    read_structure(Document("d", "m", "t.txt", "txt", "", text, (), ()))
    assert time.process_time() - began < 8


def test_what_a_party_is_is_no_party() -> None:
    text = (
        'This Application Agreement (the "Agreement") is entered into as of March 20, 2020 by and between InfinixSoft '
        'Global LLC, a Florida Limited Liability Company, with its principal office in Miami (the "Developer"), and '
        'Clickstream Corporation, a Nevada corporation (the "Client").'
    )
    assert parties(text) == ("InfinixSoft Global LLC", "Clickstream Corporation")
