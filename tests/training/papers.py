"""A contract that the rules know nearly everything of, and whatever else tests of the data read."""

from pathlib import Path

from service.config import Documents
from service.core import Document
from service.retrieval.loaders import load

DATA = Path(__file__).parents[3] / "shared" / "data"
ABSENT = "development data is not beside the checkout (../shared/data)"

_FILLER = (
    "The Supplier keeps a list of the machines that stand in the hall. "
    "Each machine bears a number and the name of its maker. "
    "The list shows when a machine was last cleaned and by whom. "
    "The keys hang in the porter’s lodge, where a book tells who has them. "
    "Oil is brought on Mondays, and the drums are set beside the gate. "
    "Nobody smokes near the drums. "
)
CONTRACT = f"""SUPPLY AGREEMENT

This Supply Agreement is made as of March 5, 2021 by and between Alder Supplies, Inc., a Delaware
corporation ("Alder"), and Birch Tools LLC, a Texas limited liability company ("Birch").

1. Definitions

1.1 "Business Day" means any day on which banks in the city of Austin are open to the public for ordinary business.

1.2 "Goods" means the drills and saws that are listed in the order, with all their parts and manuals.

2. Machines

2.1 {_FILLER}

2.2 {_FILLER}

2.3 {_FILLER}

3. Term

3.1 The term of this Agreement shall commence on the date first written above and shall
continue for a period of three (3) years.

3.2 This Agreement shall automatically renew for successive periods of one (1) year each unless
either party gives the other written notice of non-renewal at
least sixty (60) days prior to the end of the current term.

4. Assignment. Neither party may assign this Agreement without the prior written consent of the other party.

5. GOVERNING LAW This Agreement shall be governed by and construed in accordance with the laws of the State of Texas.

6. Payment

6.1 Birch shall pay each invoice within thirty (30) days after receipt of it.

7. Liability. The total liability of either party under this Agreement shall not exceed the fees
paid in the twelve months before the claim.
"""


def paper(
    text: str = CONTRACT, name: str = "Supply Agreement.txt", id: str = "d1", matter: str = "m1"
) -> Document:
    from dataclasses import replace

    return replace(load(text.encode(), name, matter, Documents()).document, id=id, family=id)
