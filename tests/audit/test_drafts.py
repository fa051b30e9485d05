"""The auditor looks at drafts beside live traffic: each changed, doubled or missing row is noticed."""

from collections.abc import Iterator

import pytest
from clickhouse_connect.driver.client import Client

from deploy.audit.drafts import check_drafts
from deploy.audit.store import Store
from tests.rerating.test_parallel import DEARER, all_of, follower, from_the_beginning
from tests.rerating.world import everything, simulate

COPY = (
    "CREATE OR REPLACE TABLE kept ENGINE = MergeTree ORDER BY (seq, line) AS SELECT * FROM draft_difference"
)
FIRST = "(seq, line) = (SELECT min((seq, line)) FROM kept WHERE payer != '')"
SAME = "(seq, line) = (SELECT min((seq, line)) FROM kept WHERE payer = '' AND before != 0)"
MIDDLE = "seq = (SELECT DISTINCT seq FROM kept ORDER BY seq LIMIT 1 OFFSET 2)"


@pytest.fixture(scope="module")
def drafted(client: Client) -> Client:
    """Books with a draft beside them."""
    simulate(client, [(0, everything())], parcels=80)
    all_of(from_the_beginning(client, DEARER))
    client.command(COPY)
    return client


@pytest.fixture
def mended(drafted: Client) -> Iterator[Client]:
    """The same, whole again after the test."""
    yield drafted
    drafted.command("TRUNCATE TABLE draft_difference")
    drafted.command("INSERT INTO draft_difference SELECT * FROM kept", settings={"insert_deduplicate": 0})


def test_what_the_follower_writes_passes(mended: Client) -> None:
    check = check_drafts(Store(mended))
    assert check.passed, check.examples
    assert not check.detail.startswith("0 ")
    newest = mended.query("SELECT lane, toUInt32(max(n)) FROM block GROUP BY lane").result_rows
    assert check_drafts(Store(mended, {lane: n // 2 for lane, n in newest})).passed
    follower(mended, everything("another"))
    assert check_drafts(Store(mended)).passed


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
def test_a_changed_row(mended: Client, where: str, changed: str) -> None:
    mended.command(f"ALTER TABLE draft_difference DELETE WHERE {where}", settings={"mutations_sync": 2})
    mended.command(f"INSERT INTO draft_difference SELECT * REPLACE ({changed}) FROM kept WHERE {where}")
    assert not check_drafts(Store(mended)).passed


@pytest.mark.parametrize("where", [FIRST, MIDDLE])
def test_missing_and_doubled_rows(mended: Client, where: str) -> None:
    mended.command(f"ALTER TABLE draft_difference DELETE WHERE {where}", settings={"mutations_sync": 2})
    assert not check_drafts(Store(mended)).passed
    for _ in range(2):
        mended.command(
            f"INSERT INTO draft_difference SELECT * FROM kept WHERE {where}",
            settings={"insert_deduplicate": 0},
        )
    assert not check_drafts(Store(mended)).passed
