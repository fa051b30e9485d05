"""Agreements and price lists: refused as a whole, with the place and what would be right."""

import pytest

from flows.governance.agreements import Material, Terms, read_agreements
from schemas.problems import DocumentError

PARTIES = {"SHC", "XAD"}
ACCOUNTS = "party,kind,credit_limit,low_balance\n"
MATERIALS = "item,name,price\n"


def test_what_is_there_is_read_and_may_be_missing() -> None:
    assert read_agreements({}, PARTIES).terms == {}
    found = read_agreements(
        {
            "accounts.csv": f"\ufeff{ACCOUNTS} SHC , credit ,100.50, 20\n\nXAD,prepaid,,\n",
            "materials.csv": MATERIALS + "面单,电子面单,0.0125\n",
        },
        PARTIES,
    )
    assert found.terms == {"SHC": Terms("credit", 1_005_000, 200_000), "XAD": Terms()}
    assert found.materials == {"面单": Material("面单", "电子面单", 125)}
    assert Terms("prepaid", 5).limit == 0


REFUSED = [
    (
        "accounts.csv",
        ACCOUNTS + "NONE,prepaid,,\n",
        "accounts.csv row 2 column party: party keeps no virtual accounts",
    ),
    ("accounts.csv", ACCOUNTS + "SHC,prepaid,,\nSHC,credit,1,\n", "row 3 column party: .*twice"),
    ("accounts.csv", ACCOUNTS + "SHC,loan,1,\n", "row 2 column kind: .*prepaid or credit"),
    ("accounts.csv", ACCOUNTS + "SHC,prepaid,1,\n", "row 2 column credit_limit"),
    ("accounts.csv", ACCOUNTS + "SHC,credit,-1,\n", "row 2 column credit_limit: .*not negative"),
    ("accounts.csv", ACCOUNTS + "SHC,credit,1.00001,\n", "more than four decimals"),
    ("accounts.csv", ACCOUNTS + "SHC,credit,1\n", "row 2: has 3 cells, not 4"),
    ("accounts.csv", "party,kind\n", "row 1: the header is party,kind,credit_limit,low_balance"),
    ("materials.csv", MATERIALS + "A,a,1\nA,b,2\n", "materials.csv row 3 column item"),
    ("materials.csv", MATERIALS + "A,a,0\n", "row 2 column price: .*above 0"),
    ("materials.csv", MATERIALS + "A,a,viel\n", "row 2 column price: .*no[t]? an amount"),
]


@pytest.mark.parametrize(("file", "text", "message"), REFUSED)
def test_refused(file: str, text: str, message: str) -> None:
    with pytest.raises(DocumentError, match=message):
        read_agreements({file: text}, PARTIES)


@pytest.mark.parametrize("price", ["-1", "1.23456", "viel", "0", ""])
def test_a_wrong_price_is_told_once(price: str) -> None:
    with pytest.raises(DocumentError) as refused:
        read_agreements({"materials.csv": f"{MATERIALS}A,a,{price}\n"}, PARTIES)
    assert len(refused.value.problems) == 1
