"""Bills in a lane of the payments flow: its channels with bills, and bills as their events."""

from datetime import date

from flows.reconciliation.accounts import Sums
from schemas.identity import content_id
from schemas.payments import BillComplete, BillLine, BillLines, BillRefused, PaymentRulesPublished, Sort
from schemas.times import SECOND
from sources.bills.verified import end_of
from tests.channels.world import TEXT
from tests.payments.world import CHANNEL, GROUP, rules

MERCHANT = "SHOP-7"
HEADER = f'name = "{CHANNEL}"\nformat = "csv"\n'
OTHER = '[[channel]]\nname = "till"'


def with_bills(bills: str, fee: str = "") -> PaymentRulesPublished:
    """The channels of the channels' tests; the generic one gives bills. `bills`: its section's settings."""
    assert HEADER in TEXT
    text = TEXT.replace(HEADER, HEADER + (f'fee = "{fee}"\n' if fee else ""))
    return rules(channels=text.replace(OTHER, f"[channel.bills]\n{bills}\n{OTHER}", 1))


def parts(
    day: date,
    *lines: BillLine,
    sort: Sort = "trade",
    size: int = 1_000,
    corrects: int = 0,
    claims: int | None = None,
    statement: str = "",
) -> list[BillLines | BillComplete]:
    """A bill's events. The same lines of the same day, sort and statement are the same bill. `corrects`: so many before
    it. `claims`: lines, as its end says."""
    bill = content_id("b", str(day), sort, str(corrects), statement, *map(repr, lines))
    usual = {
        "time": end_of(day) + corrects * SECOND,
        "group": GROUP,
        "channel": CHANNEL,
        "merchant": MERCHANT,
        "bill": bill,
        "day": day,
        "statement": statement,
    }
    sums = Sums().and_of(lines)
    cut = [lines[start : start + size] for start in range(0, len(lines), size)]
    made: list[BillLines | BillComplete] = [
        BillLines(id=f"{bill}-{n}", part=n, lines=tuple(some), sort=sort, **usual)  # type: ignore[arg-type]
        for n, some in enumerate(cut, 1)
    ]
    end = BillComplete(
        id=f"{bill}-end",
        parts=len(cut),
        lines=sums.lines if claims is None else claims,
        paid_e4=sums.paid,
        refunded_e4=sums.refunded,
        fee_e4=sums.fee,
        sort=sort,
        **usual,  # type: ignore[arg-type]
    )
    return [*made, end]


def not_believed(day: date, bill: str = "x", statement: str = "") -> BillRefused:
    """A bill that was refused."""
    return BillRefused(
        id=f"{bill}-refused",
        time=end_of(day),
        group=GROUP,
        channel=CHANNEL,
        merchant=MERCHANT,
        bill=bill,
        day=day,
        reason="bill_total_wrong",
        detail="订单总金额",
        statement=statement,
    )
