import pytest

from service.core import Facts, Filed, Filter, State
from service.retrieval.filters import passes


def filed(facts: Facts) -> Filed:
    return Filed("d1", "m", "Lease of May.pdf", "pdf", "", State.READY, "", 1, 1, 0, 1, 1, 0.0, facts=facts)


@pytest.mark.parametrize(
    ("wanted", "holds"),
    [
        (Filter(), True),
        (Filter(kinds=frozenset({"PDF"})), True),
        (Filter(kinds=frozenset({"txt"})), False),
        (Filter(types=frozenset({"lease"})), True),
        (Filter(types=frozenset({"Deed"})), False),
        (Filter(party="acme"), True),
        (Filter(party="apex"), False),
        (Filter(since="2021-03-05", until="2021-03-05"), True),
        (Filter(until="2021"), True),
        (Filter(until="2020-12-31"), False),
        (Filter(since="2022-01-01"), False),
        (Filter(documents=frozenset({"d2"})), False),
        (Filter(title="of may", party="ACME LTD"), True),
    ],
)
def test_filters(wanted: Filter, holds: bool) -> None:
    facts = Facts(type="Lease", parties=("Acme Ltd", "Ada Lovelace"), dated="2021-03-05")
    assert passes(filed(facts), wanted) is holds


def test_a_document_without_a_date_is_in_no_span() -> None:
    assert not passes(filed(Facts()), Filter(since="1900-01-01"))
    assert passes(filed(Facts()), Filter())
