"""Payments, dues and matches against the journal and against what was said, worked out again in SQL.

Shares nothing with the flow: the legs, the channels' accounts and the meaning of a status are written here again.
"""

from deploy.audit.postings import PAYMENTS, words
from deploy.audit.report import Check
from deploy.audit.rules import Rule, check_rule, unique
from deploy.audit.store import BLOCK_RANGE, Store, shard_of
from schemas.parties import HQ

CHANNELS = {"wechat": "1811", "alipay": "1812", "unionpay": "1813", "bank": "1814"}
OTHER = "1815"
"""Accounts in which channels hold our money."""
SUSPENSE = "2601"
LEGS = (
    *(("receivable_paid", "own", SUSPENSE, "D"), ("receivable_paid", "own", "1122", "C")),
    *(("receivable_refunded", "own", "1122", "D"), ("receivable_refunded", "own", SUSPENSE, "C")),
    *(("payable_paid", "own", "2303", "D"), ("payable_paid", "own", SUSPENSE, "C")),
    *(("payable_refunded", "own", SUSPENSE, "D"), ("payable_refunded", "own", "2303", "C")),
    *(("receivable_written_off", "own", "6302", "D"), ("receivable_written_off", "own", "1122", "C")),
    *(("payable_written_off", "own", "2303", "D"), ("payable_written_off", "own", "6302", "C")),
    *(("difference_kept", "own", SUSPENSE, "D"), ("difference_kept", "own", "6302", "C")),
    *(("difference_paid", "own", "6302", "D"), ("difference_paid", "own", SUSPENSE, "C")),
    *(("account_topped_up", "party", "1201", "D"), ("account_topped_up", "party", "1801", "C")),
    *(("account_topped_up", "own", SUSPENSE, "D"), ("account_topped_up", "own", "2401", "C")),
    *(("account_paid_out", "own", "2401", "D"), ("account_paid_out", "own", SUSPENSE, "C")),
    *(("account_paid_out", "party", "1801", "D"), ("account_paid_out", "party", "1201", "C")),
)
"""What a match posts: rule, in whose book (headquarters' own or the party's), account, side."""
_LEGS = f"values('posting String, of String, account String, side String', {', '.join(map(str, LEGS))})"
_CLEARING = f"transform(channel, {list(CHANNELS)}, {list(CHANNELS.values())}, '{OTHER}')"
_SIGNED = "if(side = 'D', 1, -1) * reinterpretAsInt64(amount)"

NEWEST = f"""
    SELECT payment, any(toString(channel)) AS channel, any(toString(merchant)) AS merchant,
           any(toString(kind)) AS kind, argMax(toString(direction), (seq, line)) AS direction,
           argMax(toString(state), (seq, line)) AS state, argMax(toString(currency), (seq, line)) AS currency,
           argMax(reinterpretAsInt64(amount), (seq, line)) AS units, argMax(reinterpretAsInt64(fee), (seq, line)) AS fee
    FROM $payment WHERE {shard_of("payment")} GROUP BY payment"""
"""Payments as they are."""
DUES = f"""
    SELECT `group`, document, argMaxIf(toString(kind), (event_time, event_id), status = 'told') AS kind,
           argMaxIf(toString(direction), (event_time, event_id), status = 'told') AS direction,
           argMaxIf(toString(currency), (event_time, event_id), status = 'told') AS currency,
           argMaxIf(reinterpretAsInt64(amount), (event_time, event_id), status = 'told') AS units,
           argMax(toString(status), (event_time, event_id)) AS newest, countIf(status = 'told') AS told
    FROM $receivable WHERE {shard_of("document")} GROUP BY `group`, document"""
"""Dues as their words have them."""

RULES = (
    Rule(
        "receipts_posted",
        "每笔成功支付按渠道入账，手续费相符",
        "payment",
        "shards",
        f"""
        SELECT payment, account, sum(units) AS difference FROM (
            SELECT payment, leg.1 AS account, leg.2 AS units FROM (
                SELECT payment, arrayJoin([
                    ({_CLEARING}, if(direction = 'in', units, -units) - fee),
                    ('{SUSPENSE}', if(direction = 'in', -units, units)), ('6301', fee)]) AS leg
                FROM ({NEWEST}) WHERE state = 'success' AND currency = 'CNY'
            )
            UNION ALL
            SELECT waybill, account, -({_SIGNED}) FROM $journal
            WHERE fee IN ('payment_in', 'payment_out', 'channel_fee') AND {shard_of("waybill")}
        ) GROUP BY payment, account HAVING difference != 0""",
    ),
    Rule(
        "matches_posted",
        "每次核销与冲回按规则逐行入账，不多不少",
        "payment_match",
        "blocks",
        f"""
        SELECT any(what) AS document, book, account, side, units,
               if(sum(found) > 0, 'not called for', 'missing') AS row
        FROM (
            SELECT match_id AS id, posting AS fee, event_time, if(of = 'own', '{HQ}', party) AS book,
                   if(of = 'own', party, '{HQ}') AS counterparty, leg.account AS account, leg.side AS side,
                   reinterpretAsInt64(m.amount) AS units, if(payment = '', document, payment) AS waybill,
                   document AS what, -1 AS found
            FROM (SELECT * FROM $payment_match WHERE {BLOCK_RANGE} AND posting != '') AS m
            LEFT JOIN {_LEGS} AS leg ON leg.posting = m.posting
            UNION ALL
            SELECT charge_id, fee, event_time, book, counterparty, account, side, reinterpretAsInt64(amount),
                   waybill, '', 1
            FROM $journal WHERE {BLOCK_RANGE} AND fee IN {words(sorted({leg[0] for leg in LEGS}))}
        )
        GROUP BY id, fee, event_time, book, counterparty, account, side, units, waybill HAVING sum(found) != 0""",
    ),
    Rule(
        "dues_posted",
        "每张应收应付按最新内容入账",
        "receivable",
        "shards",
        f"""
        SELECT document, sum(units) AS difference FROM (
            SELECT document, sum(if(direction = 'in', units, -units)) AS units FROM ({DUES})
            WHERE told AND newest = 'told' AND currency = 'CNY' AND kind NOT IN ('topup', 'statement')
            GROUP BY document
            UNION ALL
            SELECT waybill, {_SIGNED} FROM $journal
            WHERE fee IN ('receivable', 'payable') AND account = '2602' AND {shard_of("waybill")}
        ) GROUP BY document HAVING difference != 0""",
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
                WHERE posting NOT IN ('', 'receivable_written_off', 'payable_written_off') AND {shard_of("payment")}
                GROUP BY payment
            ) AS m JOIN ({NEWEST}) AS p USING (payment)
            UNION ALL
            SELECT waybill, -({_SIGNED}) FROM $journal
            WHERE account = '{SUSPENSE}' AND fee IN {words(PAYMENTS)} AND {shard_of("waybill")}
        ) GROUP BY payment HAVING difference != 0""",
    ),
    Rule(
        "statuses",
        "每张单据的最新状态与核销金额相符，序号连续",
        "receivable",
        "shards",
        f"""
        SELECT document, said, paid, refunded, moved.1 AS moved_in, moved.2 AS moved_back FROM (
            SELECT d.`group` AS `group`, d.document AS document, d.newest AS newest, s.serials AS serials,
                   s.status AS said, s.paid AS paid, s.refunded AS refunded, (m.paid, m.refunded) AS moved
            FROM ({DUES}) AS d
            LEFT JOIN (
                SELECT `group`, document, max(serial) = count() AND min(serial) = 1 AS serials,
                       argMax(toString(status), serial) AS status,
                       argMax(reinterpretAsInt64(paid), serial) AS paid,
                       argMax(reinterpretAsInt64(refunded), serial) AS refunded
                FROM $order_status WHERE {shard_of("document")} GROUP BY `group`, document
            ) AS s ON s.`group` = d.`group` AND s.document = d.document
            LEFT JOIN (
                SELECT m.`group` AS `group`, m.document AS document,
                       sumIf(m.units, p.direction = of.direction) AS paid,
                       sumIf(m.units, p.direction != of.direction) AS refunded
                FROM (
                    SELECT `group`, document, payment, sum(reinterpretAsInt64(amount)) AS units FROM $payment_match
                    WHERE what = 'match' AND {shard_of("document")} GROUP BY `group`, document, payment
                ) AS m
                JOIN ({DUES}) AS of ON of.`group` = m.`group` AND of.document = m.document
                JOIN (SELECT DISTINCT payment, toString(direction) AS direction FROM $payment) AS p
                    ON p.payment = m.payment
                GROUP BY `group`, document
            ) AS m ON m.`group` = d.`group` AND m.document = d.document
            WHERE d.told
        )
        WHERE (paid, refunded) != moved OR said != '' AND NOT serials
            OR (newest = 'cancelled') != (said = 'cancelled') OR said IN ('', 'open') AND moved != (0, 0)
            OR said IN ('refunded', 'part_refunded') AND moved.2 = 0 OR said IN ('paid', 'over_paid') AND moved.2 != 0
            OR said = 'part_paid' AND moved.1 = 0""",
    ),
    Rule(
        "exceptions",
        "差异逐条开立、变更、关闭",
        "payment_exception",
        "shards",
        f"""
        SELECT exception_id, steps FROM (
            SELECT exception_id, arrayMap(step -> step.3, arraySort(groupArray((seq, line, toString(status))))) AS steps
            FROM $payment_exception WHERE {shard_of("exception_id")} GROUP BY exception_id
        )
        WHERE arrayExists((now, before) -> multiIf(
            now = 'closed', before IN ('', 'closed'), now = 'changed', before NOT IN ('opened', 'changed'),
            now = 'opened', before IN ('opened', 'changed'), false),
            steps, arrayPushFront(arrayPopBack(steps), ''))""",
    ),
    unique("notification_ids", "没有通知被接受两次", "notification", "notification_id", "notification_id"),
    unique(
        "notification_records",
        "没有通知记录被接受两次",
        "notification",
        "(topic, partition, offset)",
        "(topic, partition, offset)",
    ),
    unique(
        "receivable_records",
        "没有单据记录被接受两次",
        "receivable",
        "(partition, offset)",
        "(partition, offset)",
    ),
    unique("bill_records", "没有账单被接受两次", "bill", "(partition, offset)", "(partition, offset)"),
    unique("status_ids", "没有单据状态被说两次", "order_status", "status_id", "status_id"),
    unique(
        "decision_ids", "没有裁决被接受两次", "payment_decision", "(`group`, event_id)", "(`group`, event_id)"
    ),
    unique("match_ids", "核销编号唯一", "payment_match", "match_id", "hex(match_id)"),
)
"""In the order of the report."""


def check_payments(store: Store) -> list[Check]:
    """All checks of the payments flow; none where it never wrote."""
    if not any(store.count(table) for table in ("receivable", "payment", "payment_exception")):
        return []
    return [check_rule(store, rule) for rule in RULES]
