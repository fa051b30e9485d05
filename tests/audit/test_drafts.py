"""The auditor looks at drafts beside live traffic: each changed, doubled or missing row is noticed."""

from collections.abc import Iterator

import pytest
from clickhouse_connect.driver.client import Client

from deploy.audit.drafts import check_drafts
from deploy.audit.store import Store
from tests.audit.tampering import Kept
from tests.rerating.test_parallel import DEARER, all_of, follower, from_the_beginning
from tests.rerating.world import everything, simulate

TABLE = "draft_difference"
FIRST = "(seq, line) = (SELECT min((seq, line)) FROM kept_draft_difference WHERE payer != '')"
SAME = "(seq, line) = (SELECT min((seq, line)) FROM kept_draft_difference WHERE payer = '' AND before != 0)"
MIDDLE = "seq = (SELECT DISTINCT seq FROM kept_draft_difference ORDER BY seq LIMIT 1 OFFSET 2)"


@pytest.fixture(scope="module")
def drafted(client: Client) -> Kept:
    """Books with a draft beside them."""
    simulate(client, [(0, everything())], parcels=80)
    all_of(from_the_beginning(client, DEARER))
    return Kept(client, [TABLE])


@pytest.fixture
def books(drafted: Kept) -> Iterator[Kept]:
    """The same, whole again after the test."""
    yield drafted
    drafted.mend()


def passes(books: Kept) -> bool:
    """Whether the auditor finds nothing wrong with the draft."""
    return check_drafts(Store(books.client)).passed


def test_what_the_follower_writes_passes(books: Kept) -> None:
    client = books.client
    check = check_drafts(Store(client))
    assert check.passed, check.examples
    assert not check.detail.startswith("0 ")
    newest = client.query("SELECT lane, toUInt32(max(n)) FROM block GROUP BY lane").result_rows
    assert check_drafts(Store(client, {lane: n // 2 for lane, n in newest})).passed
    follower(client, everything("another"))
    assert passes(books)


@pytest.mark.parametrize(
    ("where", "changed"),
    [
        (FIRST, "before + 1 AS before"),
        (FIRST, "charges + 1 AS charges"),
        (FIRST, "'cod_fee' AS fee"),
        (FIRST, "seq + 1 AS seq"),
        (FIRST, "'other' AS run"),
        (SAME, "after + 1 AS after"),
        (SAME, "toInt64(1) AS changed"),
        (SAME, "toInt64(1) AS unpriced"),
    ],
)
def test_a_changed_row(books: Kept, where: str, changed: str) -> None:
    books.change(TABLE, where, changed)
    assert not passes(books)


@pytest.mark.parametrize("where", [FIRST, MIDDLE])
def test_missing_and_doubled_rows(books: Kept, where: str) -> None:
    books.remove(TABLE, where)
    assert not passes(books)
    for _ in range(2):
        books.add(TABLE, where)
    assert not passes(books)
