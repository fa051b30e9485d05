"""Payments and matches against the journal, worked out again in SQL; what needs more than SQL is in `matched`.

Shares nothing with the flow: the legs, the channels' accounts and the meaning of a status are written here again.
"""

from deploy.audit.matched import check_matched
from deploy.audit.postings import PAYMENTS, words
from deploy.audit.receipts import LEGS, MATCHES, SUSPENSE, account_of, as_values
from deploy.audit.report import Check
from deploy.audit.rules import Rule, check_rule, unique
from deploy.audit.store import BLOCK_RANGE, Store, shard_of
from schemas.parties import HQ

_LEGS = as_values()
_SIGNED = "if(side = 'D', 1, -1) * reinterpretAsInt64(amount)"

_NOT_OF_SUSPENSE = tuple(name for name in MATCHES if not any(leg[1] == SUSPENSE for leg in LEGS[name]))
"""Posting rules of what is given up: it was taken from suspense before."""

NEWEST = f"""
    SELECT payment, any(toString(channel)) AS channel, any(toString(merchant)) AS merchant,
           any(toString(kind)) AS kind, argMax(toString(direction), (seq, line)) AS direction,
           argMax(toString(state), (seq, line)) AS state, argMax(toString(currency), (seq, line)) AS currency,
           argMax(reinterpretAsInt64(amount), (seq, line)) AS units, argMax(reinterpretAsInt64(fee), (seq, line)) AS fee
    FROM $payment WHERE {shard_of("payment")} GROUP BY payment"""
"""Payments as they are."""
RULES = (
    Rule(
        "matches_posted",
        "每次核销与冲回按规则逐行入账，不多不少",
        "payment_match",
        "blocks",
        f"""
        SELECT any(what) AS document, book, account, side, units,
               if(sum(found) > 0, 'not called for', 'missing') AS row
        FROM (
            SELECT match_id AS id, posting AS fee, event_time, business_date, if(of = '{HQ}', '{HQ}', party) AS book,
                   if(of = '{HQ}', party, '{HQ}') AS counterparty, {account_of("leg.account", "party")} AS account,
                   leg.side AS side,
                   reinterpretAsInt64(m.amount) AS units, if(payment = '', document, payment) AS waybill,
                   document AS what, -1 AS found
            FROM (SELECT * FROM $payment_match WHERE {BLOCK_RANGE} AND posting != '') AS m
            LEFT JOIN {_LEGS} AS leg ON leg.fee = m.posting
            UNION ALL
            SELECT charge_id, fee, event_time, business_date, book, counterparty, account, side,
                   reinterpretAsInt64(amount), waybill, '', 1
            FROM $journal WHERE {BLOCK_RANGE} AND fee IN {words(MATCHES)}
        )
        GROUP BY id, fee, event_time, business_date, book, counterparty, account, side, units, waybill
        HAVING sum(found) != 0""",
    ),
    Rule(
        "matches_in_turn",
        "核销版次连续，前一版先冲回，至多一版有效",
        "payment_match",
        "shards",
        f"""
        SELECT payment, document, what, steps FROM (
            SELECT `group`, payment, document, what,
                   arrayMap(step -> (step.3, step.4),
                            arraySort(groupArray((seq, line, toUInt32(revision), reversal = 1)))) AS steps
            FROM $payment_match WHERE {shard_of("document")} GROUP BY `group`, payment, document, what
        )
        WHERE arrayExists((step, i) -> step != (intDiv(i - 1, 2), i % 2 = 0), steps, arrayEnumerate(steps))""",
    ),
    Rule(
        "matches_reversed",
        "冲回与原核销金额、双方、时间一致",
        "payment_match",
        "shards",
        f"""
        SELECT payment, document, what, revision, sum(reinterpretAsInt64(amount)) AS remains
        FROM $payment_match WHERE {shard_of("document")}
        GROUP BY `group`, payment, document, what, revision
        HAVING count() > 2 OR count() = 2 AND (remains != 0 OR uniqExact(party, event_time, posting, rule) > 1)""",
    ),
    Rule(
        "within_payments",
        "核销不超过实收，各笔均不为负",
        "payment_match",
        "shards",
        f"""
        SELECT payment, sum(used) AS matched, any(p.units) AS paid FROM (
            SELECT payment, document, sumIf(reinterpretAsInt64(amount), what = 'match'
                       OR posting IN ('difference_kept', 'difference_paid')) AS used
            FROM $payment_match WHERE payment != '' AND {shard_of("payment")} GROUP BY payment, document
        ) AS m LEFT JOIN ({NEWEST}) AS p USING (payment)
        GROUP BY payment HAVING matched > paid OR min(used) < 0 OR any(p.state) != 'success' AND matched != 0""",
    ),
    Rule(
        "suspense",
        "待核销款余额等于逐笔未核销金额",
        "payment",
        "shards",
        f"""
        SELECT payment, sum(units) AS difference FROM (
            SELECT payment, if(direction = 'in', -units, units) AS units FROM ({NEWEST})
            WHERE state = 'success' AND currency = 'CNY'
            UNION ALL
            SELECT payment, if(direction = 'in', used, -used) FROM (
                SELECT payment, sum(reinterpretAsInt64(amount)) AS used FROM $payment_match
                WHERE posting NOT IN {words(("", *_NOT_OF_SUSPENSE))} AND {shard_of("payment")}
                GROUP BY payment
            ) AS m JOIN ({NEWEST}) AS p USING (payment)
            UNION ALL
            SELECT waybill, -({_SIGNED}) FROM $journal
            WHERE account = '{SUSPENSE}' AND fee IN {words(PAYMENTS)} AND {shard_of("waybill")}
        ) GROUP BY payment HAVING difference != 0""",
    ),
    Rule(
        "notification_ids",
        "没有通知被接受两次，每个通知所述的收付全部在账",
        "notification",
        "shards",
        f"""
        SELECT notification_id, count() AS times, any(payments) AS told FROM $notification
        WHERE {shard_of("notification_id")} GROUP BY notification_id
        HAVING uniqExact(topic, partition, offset) > 1 OR uniqExact(payment) != times
            OR min(payments) != times OR max(payments) != times""",
    ),
    unique(
        "notification_records",
        "没有通知记录被接受两次",
        "notification",
        "(topic, partition, offset, payment)",
        "(topic, partition, offset, payment)",
    ),
    unique(
        "receivable_records",
        "没有单据记录被接受两次",
        "receivable",
        "(partition, offset)",
        "(partition, offset)",
    ),
    unique("bill_records", "没有账单被接受两次", "bill", "(partition, offset)", "(partition, offset)"),
    unique(
        "bill_line_records",
        "没有账单明细被接受两次",
        "bill_line",
        "(partition, offset, place)",
        "(partition, offset, place)",
    ),
    unique("status_ids", "没有单据状态被说两次", "order_status", "status_id", "status_id"),
    unique(
        "decision_ids", "没有裁决被接受两次", "payment_decision", "(`group`, event_id)", "(`group`, event_id)"
    ),
    unique("match_ids", "核销编号唯一", "payment_match", "match_id", "hex(match_id)"),
)
"""In the order of the report."""


def check_payments(
    store: Store, data_time: int | None = None, *, live: bool = False, settled: bool = False
) -> list[Check]:
    """All checks of the payments flow; none where it never wrote. `data_time`: the lanes', at least, UTC ms.

    `live`: the flows are writing. `settled`: all has come to rest, so nothing is on the way from one to another.
    """
    if not any(
        store.count(table) for table in ("receivable", "payment", "bill", "bill_line", "payment_exception")
    ):
        return []
    return [
        *(check_rule(store, rule) for rule in RULES),
        *check_matched(store, data_time, live=live, settled=settled),
    ]
