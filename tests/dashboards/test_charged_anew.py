"""What was charged anew is linked to what it replaces, and to the event because of which that was taken back."""

import msgspec
from clickhouse_connect.driver.client import Client

from dashboards.live.parcel import anew
from dashboards.queries import rows, story
from schemas import topics
from tests.audit.conftest import client, empty, store
from tests.dashboards.data import Written
from tests.lifecycle.test_backdated import withdrawal
from tests.lifecycle.world import BOOK, WAYBILL, events_of, tariff

__all__ = ["client", "empty", "store"]

LINKS = """
SELECT a.fee AS fee, a.revision AS revision, a.anew_by AS anew_by, a.former AS former, a.amount AS amount,
       a.difference AS difference, f.amount AS of_former, f.cause = a.cause AS of_one_cause,
       r.cause AS of_reversal, n.amount AS of_charge
FROM charged_anew AS a
LEFT JOIN charge AS f ON f.charge_id = a.former_id
LEFT JOIN charge AS r ON r.charge_id = a.reversal_id
LEFT JOIN charge AS n ON n.charge_id = a.charge_id
WHERE a.waybill = {waybill:String} ORDER BY fee, revision"""


def test_of_a_backdated_price_a_withdrawal_and_a_new_fact(empty: Client) -> None:
    """Each with its own reason; what was charged once is not there."""
    book = Written(empty)
    book.take(*events_of("订单 揽收 网点秤2.6 发件 分拨DWS2.5 到件 派件 签收"))
    assert rows(empty, LINKS, waybill=WAYBILL) == []
    dearer = tariff({**BOOK, "waybill.csv": "price\n2.00\n"})
    book.block((topics.CONTROL.name, dearer))
    gone = withdrawal(dearer)
    book.block(gone)
    book.take(*events_of("分拨DWS5.5#二@1"))
    found = rows(empty, LINKS, waybill=WAYBILL)
    said = [
        (one["fee"], one["revision"], one["anew_by"], str(one["former"]), str(one["amount"])) for one in found
    ]
    weighed = said.pop(0)
    assert weighed[:2] == ("transit", 1)
    assert weighed[2] not in (dearer.id, gone[1].id)
    assert said == [
        ("waybill", 1, dearer.id, "1.0000", "2.0000"),
        ("waybill", 2, gone[1].id, "2.0000", "1.0000"),
    ]
    for one in found:
        assert one["of_former"] == one["former"]
        assert one["of_charge"] == one["amount"]
        assert one["difference"] == one["amount"] - one["former"]
        assert one["of_reversal"] == one["anew_by"]
        assert one["of_one_cause"] == (one["fee"] == "waybill"), (
            "what made the waybill due is the pick-up as before"
        )


def test_what_was_nothing_for_a_while_is_not_charged_again_by_what_ended_it(empty: Client) -> None:
    """The book was withdrawn, and published again later: what was due is not charged by the withdrawal."""
    book = Written(empty)
    book.take(*events_of("订单 揽收"))
    book.block(withdrawal(tariff()))
    again = msgspec.structs.replace(tariff(), id="again")
    book.block((topics.CONTROL.name, again))
    found = story(empty, WAYBILL)
    charges = [one for one in found.charges if one["fee"] == "waybill"]
    assert [(one["revision"], bool(one["reversed"])) for one in charges] == [
        (0, False),
        (0, True),
        (1, False),
    ]
    told = [anew(one, found) for one in charges]
    assert told == ["", "", ""]
