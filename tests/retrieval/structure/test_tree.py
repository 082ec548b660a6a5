from hypothesis import given

from service.retrieval.clauses import LINE, outline, path_at
from service.retrieval.structure.tree import appendix, tree
from tests.retrieval.structure.papers import LEASE, bare, papers, read


def test_the_outline_is_what_a_reader_would_write_down() -> None:
    headings = [("  " * (heading.level - 1) + heading.text) for heading in outline(read(LEASE))]
    assert headings == [
        "LEASE",
        "CONTENTS",
        "  1. Definitions",
        "  2. Rent",
        "  3. Break",
        "SCHEDULE 1 – THE PROPERTY",
        "  Part 1: What Is Let",
        "  Part 2: What Is Not",
        "SCHEDULE 2",
    ]


def test_a_table_of_contents_a_date_and_a_signature_are_no_clauses() -> None:
    starts = {node.clause.heading: node.start for node in tree(read(LEASE))}
    assert starts["2. Rent"] == LEASE.rindex("2. Rent")
    assert not any("2022" in heading or heading.startswith("By:") for heading in starts)


def test_a_schedule_lasts_until_the_next_and_holds_its_parts() -> None:
    nodes = tree(read(LEASE))
    at = next(n for n, node in enumerate(nodes) if node.label == "SCHEDULE 1")
    assert nodes[at].end == LEASE.rindex("SCHEDULE 2")
    inside = [node.clause.heading for node in nodes if node.appendix == at]
    assert inside == [
        "SCHEDULE 1 – THE PROPERTY",
        "Part 1: What Is Let",
        "1.",
        "Part 2: What Is Not",
        "2.",
    ]
    assert path_at(read(LEASE), LEASE.index("The roof")) == (
        "SCHEDULE 1 – THE PROPERTY",
        "Part 2: What Is Not",
        "2.",
    )


def test_a_line_that_begins_with_a_schedule_s_name_does_not_end_the_body() -> None:
    text = "1. One\n\nWords.\n\n2. Two\n\nAs said in\n\nSchedule A\n\n3. Three\n\nMore.\n\nSCHEDULE A\n\n1. First.\n"
    paths = {node.clause.heading: node.path for node in tree(read(text))}
    assert paths["3. Three"] == ("3. Three",)


def test_items_nest_as_they_come() -> None:
    text = "1. List\n\n(a) one:\n\n(i) roman;\n\n(ii) two;\n\n(b) second;\n\n(c) third.\n"
    paths = ["/".join(node.label for node in tree(read(text)) if text.find(node.label) >= 0)]
    assert paths == ["1./(a)/(i)/(ii)/(b)/(c)"]
    assert [len(node.path) for node in tree(read(text))] == [1, 2, 3, 3, 2, 2]


def test_a_decimal_after_wide_blanks_begins_a_clause() -> None:
    text = "1. Scope   1.1 The scope is wide. It holds 2.5 tonnes   1.2 The rest is narrow.\n\nSCHEDULE 2\n\nWords.\n"
    assert [node.label for node in tree(read(text))] == ["1.", "1.1", "1.2", "SCHEDULE 2"]


def test_a_long_heading_is_cut_at_a_word() -> None:
    heading = "1. " + "Obligations Of The Supplier And Of The Customer In Relation To Every Thing That Was"
    shown = outline(read(f"# {heading}\n\nWords.\n", "a.md"))[0].text
    assert shown.endswith("…")
    assert len(shown) <= LINE + 1
    assert heading.startswith(shown[:-1])
    assert heading[len(shown) - 1] == " "


def test_a_filing_s_exhibit_number_is_no_schedule_of_the_document() -> None:
    text = (
        "EXHIBIT 10.5\n\nSUPPLY AGREEMENT\n\n1. Goods\n\nBolts.\n\n2. Price\n\nOne.\n\nEXHIBIT A\n\nA list.\n"
    )
    nodes = tree(read(text))
    assert [node.clause.heading for node in nodes if node.appendix >= 0] == ["EXHIBIT A"]
    assert appendix(nodes[-1].clause) == ("exhibit", "A")


@given(papers)
def test_nodes_lie_in_order_and_within_one_another(text: str) -> None:
    nodes = tree(bare(text))
    assert all(0 <= node.start < node.end <= len(text) for node in nodes)
    assert [node.start for node in nodes] == sorted({node.start for node in nodes})
    for n, node in enumerate(nodes):
        for later in nodes[n + 1 :]:
            assert later.start >= node.end or later.end <= node.end
