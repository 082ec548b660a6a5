"""Papers that the tests of the structure read."""

from hypothesis import strategies as st

from service.config import Documents
from service.core import Document, Page
from service.retrieval.loaders import load

LEASE = """LEASE

This lease is dated 24 June 2022 and is made between ALDER ESTATES LIMITED, of 3 Tollgate Yard (the Landlord) and
BIRCH & CO. LTD, of Unit 9, Saltpan Lane (the Tenant).

CONTENTS

1. Definitions
2. Rent
3. Break
SCHEDULE 1 – THE PROPERTY

1. Definitions

1.1 In this lease the following words have the meanings set beside them.

Annual Rent: rent at the rate of £61,500 a year.

Break Date: 24 June 2027.

1.2 "Confidential Information" means:

(a) the terms of this lease; and

(b) information about the business of the other party.

1.3 “Fee” has the meaning given in clause 2.2.

2. Rent

2.1 The Tenant shall pay the Annual Rent under clause 2.3(b) and paragraph 2 of Schedule 1.

2.2 A late payment bears a charge of £50 (the "Fee").

2.3 The Tenant shall pay:

(a) the rent; and

(b) value added tax.

3. Break

3.1 The Tenant may end this lease on the Break Date. Sections 24 to 28 of the Landlord and Tenant Act 1954 do not
apply. This clause and clauses 2.1 and 2.2 survive. The Fee stays due, as clause 9 of the Supply Agreement says.

24 June 2022

By: A. Alder

SCHEDULE 1 – THE PROPERTY

Part 1: What Is Let

1. The first floor.

Part 2: What Is Not

2. The roof. See paragraph 1 and Exhibit Q.

SCHEDULE 2

1. Another beginning.
"""


def read(text: str, name: str = "lease.txt") -> Document:
    return load(text.encode(), name, "m", Documents()).document


def bare(text: str) -> Document:
    """A document without blocks, as no loader makes one."""
    return Document("d", "m", "t.txt", "txt", "", text, (), (Page(1, 0, len(text)),))


_PIECES = st.sampled_from(
    [
        "",
        "1. Scope",
        "2.3 Fees. The fee is due.",
        "(a) first; and",
        "(i) then",
        "ARTICLE IV TERM",
        "SCHEDULE A",
        "CONTENTS",
        '"Goods" means the goods in Schedule A.',
        "“Fee” has the meaning given in Section 2.3(a).",
        'Alder Ltd (the "Seller") and Birch, Inc. (“Buyer”)',
        "Annual Rent: rent for a year.",
        "by and between Alder, Inc. and Birch LLC, dated as of March 3rd, 2021",
        "governed by the laws of the State of New York",
        "Sections 4.1, 4.2(b) and 5 of the Master Agreement; this Schedule; paragraph (a)",
        "((((",
        '"""“”',
    ]
)
papers = st.lists(
    st.one_of(_PIECES, st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=80)), max_size=25
).map("\n\n".join)
