"""The rules of bookkeeping as questions in SQL: each finds the rows that break it, so no row is good news.

A rule is asked in pieces, so that its memory is bounded however long the books are:
`blocks`   ranges of blocks: for what must agree within a block, as a charge and its journal rows do
`shards`   parcels or ids by hash: for what must agree over all blocks
`whole`    everything at once: for questions with small answers
"""

from typing import Literal

import msgspec

from deploy.audit import postings
from deploy.audit.report import Check, Findings
from deploy.audit.store import BLOCK_RANGE, LANE, OF_SHARD, Store, shard_of
from schemas.parties import HQ


class Rule(msgspec.Struct, frozen=True):
    """A question. `table` is the one that it mainly reads: its rows are counted and decide on the pieces."""

    name: str
    label: str
    table: str
    pieces: Literal["blocks", "shards", "whole"]
    sql: str
    most: int = 10_000_000
    """Rows of the table in a shard."""


NO_CHARGE = "toFixedString('', 16)"
AS_OF = f"reverses = {NO_CHARGE}"
"""A charge that is not a reversal."""


PUBLICATIONS = "(SELECT event_id FROM $tariff_book)"


def unique(name: str, label: str, table: str, key: str, shown: str) -> Rule:
    """No two rows have the same key."""
    sql = f"""
        SELECT {shown} AS id, count() AS times FROM ${table} WHERE {shard_of(key)}
        GROUP BY {key} HAVING times > 1"""
    return Rule(name, label, table, "shards", sql)


_SAID = (
    ("event", "event_id", "reinterpretAsInt64(payment)"),
    ("order_terms", "event_id", "reinterpretAsInt64(insured)"),
    ("order_terms", "event_id", "reinterpretAsInt64(cod)"),
    ("claim", "event_id", "reinterpretAsInt64(amount)"),
    ("haul", "event_id", "reinterpretAsInt64(insured)"),
    ("cost", "event_id", "reinterpretAsInt64(amount)"),
    ("receivable", "event_id", "if(currency = 'CNY', reinterpretAsInt64(amount), 0)"),
    ("answer", "command_id", "if(command = 'admit', 0, JSONExtractInt(body, 'amount_e4'))"),
)
"""Where amounts stand that somebody said he pays, collects, claims or declares: table, who said it, units."""
_IN_FEN = " UNION ALL ".join(
    f"SELECT '{table}' AS of, {name} AS name, toInt64({units}) AS units FROM ${table} WHERE units % 100 != 0"
    for table, name, units in _SAID
)

RULES = (
    Rule(
        "whole_fen",
        "收付、代收、索赔、申报的金额均为整分",
        "event",
        "whole",
        f"SELECT * FROM ({_IN_FEN})",
    ),
    Rule(
        "balanced",
        "每笔分录借贷平衡",
        "journal",
        "blocks",
        f"""
        SELECT hex(entry_id) AS entry, book, sum(if(side = 'D', amount, -amount)) AS difference
        FROM $journal WHERE {BLOCK_RANGE} GROUP BY entry_id, book HAVING difference != 0""",
    ),
    Rule(
        "entries",
        "每笔分录只属一本账、一笔费用、一对往来方",
        "journal",
        "blocks",
        f"""
        SELECT hex(entry_id) AS entry, any(waybill) AS parcel FROM $journal
        WHERE {BLOCK_RANGE} AND fee != '{postings.MOVED}' GROUP BY entry_id
        HAVING uniqExact(book, counterparty, charge_id, waybill, fee, event_time, business_date,
                         rules_version) > 1 OR countIf(side NOT IN ('D', 'C')) > 0""",
    ),
    Rule(
        "posted",
        "每笔费用按规则逐行入账，不多不少",
        "journal",
        "blocks",
        f"""
        SELECT waybill, fee, book, account, side, amount, counterparty,
               if(sum(found) > 0, 'not called for', 'missing') AS row
        FROM (
            SELECT charge_id, waybill, fee, event_time, amount, account, side,
                   if(of = 'payer', payer, payee) AS book, if(of = 'payer', payee, payer) AS counterparty,
                   -1 AS found
            FROM (
                SELECT charged.*, by.version AS version FROM $charge AS charged
                LEFT JOIN (SELECT seq, any(toString(rules_version)) AS version FROM $journal
                           WHERE {BLOCK_RANGE} GROUP BY seq) AS by USING (seq)
                WHERE {BLOCK_RANGE} AND amount != 0
            ) AS charged
            LEFT JOIN (SELECT DISTINCT version, fee, leg, toString(book) AS of, account, toString(side) AS side
                       FROM $posting_rule) AS leg USING (version, fee)
            UNION ALL
            SELECT charge_id, waybill, fee, event_time, amount, account, side,
                   book, counterparty, 1 AS found
            FROM $journal WHERE {BLOCK_RANGE} AND fee NOT IN {postings.words(postings.OTHERS)}
        )
        GROUP BY charge_id, waybill, fee, event_time, amount, account, side, book, counterparty
        HAVING sum(found) != 0""",
    ),
    Rule(
        "booked_on",
        "已关账日期不再入账：费用与资金指令的分录顺延到首个未关账日，其余记在本日",
        "journal",
        "blocks",
        f"""
        SELECT waybill, fee, business_date, own FROM (
            SELECT seq, waybill, fee, business_date, bitShiftRight(seq, {LANE}) AS lane,
                   if(fee IN (SELECT fee FROM $fee) OR fee IN {postings.words(postings.MONEY)},
                      toDate(addHours(event_time, 8), 'UTC'), business_date) AS own
            FROM $journal WHERE {BLOCK_RANGE}
        ) AS j
        ASOF LEFT JOIN (
            SELECT bitShiftRight(seq, {LANE}) AS lane, seq, argMax(through, line) AS closed
            FROM $books_close GROUP BY lane, seq
        ) AS c ON j.lane = c.lane AND j.seq >= c.seq
        WHERE business_date != greatest(own, closed + 1)""",
    ),
    Rule(
        "dimensions",
        "每笔分录的线路、产品、起因与其费用相符",
        "journal",
        "blocks",
        f"""
        WITH splitByChar('-', toString(route)) AS ends
        SELECT waybill, fee, route, product, cause FROM (
            SELECT DISTINCT charge_id, waybill, fee, route, product, cause, rules_version
            FROM $journal WHERE {BLOCK_RANGE}
        ) AS j
        LEFT JOIN (
            SELECT charge_id, toString(product) AS charged_product, toString(origin) AS origin,
                   toString(destination) AS destination, {AS_OF} AS charged
            FROM $charge WHERE {BLOCK_RANGE}
        ) AS c USING (charge_id)
        LEFT JOIN (
            SELECT DISTINCT version AS rules_version, fee, if(trigger = '', share_of, toString(trigger)) AS trigger
            FROM $fee
        ) AS f USING (rules_version, fee)
        WHERE fee NOT IN $others AND (product != charged_product OR cause != if(charged, trigger, 'reversed')
           OR if(origin = '', route != '', (origin, ends[1]) NOT IN $provinces
                                          OR (destination, ends[2]) NOT IN $provinces))""".replace(
            "$provinces", "(SELECT outlet, toString(province) FROM $site WHERE kind = 'outlet')"
        ).replace("$others", postings.words(postings.OTHERS)),
    ),
    Rule(
        "mirrored",
        "往来双方的账逐笔镜像",
        "journal",
        "blocks",
        f"""
        SELECT hex(charge_id) AS charge, any(waybill) AS parcel, least(book, counterparty) AS one,
               greatest(book, counterparty) AS other, sum(if(side = 'D', amount, -amount)) AS difference
        FROM $journal
        WHERE {BLOCK_RANGE} AND account IN (SELECT account FROM $account WHERE nature = 'mutual')
        GROUP BY charge_id, one, other HAVING difference != 0""",
    ),
    Rule(
        "cleared",
        "清算科目逐单为零",
        "journal",
        "shards",
        f"""
        SELECT waybill, book, account, sum(if(side = 'D', amount, -amount)) AS remains FROM $journal
        WHERE account IN (SELECT account FROM $account WHERE nature = 'clearing') AND {OF_SHARD}
        GROUP BY waybill, book, account HAVING remains != 0""",
    ),
    Rule(
        "posting_rules",
        "记账规则自身借贷平衡、双方镜像，科目齐全",
        "posting_rule",
        "whole",
        """
        WITH rules AS (SELECT DISTINCT version, fee, leg, book, account, if(side = 'D', 1, -1) AS sign
                       FROM $posting_rule)
        SELECT fee, 'unbalanced' AS wrong FROM rules GROUP BY version, fee, book HAVING sum(sign) != 0
        UNION ALL
        SELECT fee, 'not mirrored' AS wrong FROM rules
        WHERE account IN (SELECT account FROM $account WHERE nature = 'mutual')
        GROUP BY version, fee HAVING sum(sign) != 0
        UNION ALL
        SELECT fee, 'no such account' AS wrong FROM rules WHERE account NOT IN (SELECT account FROM $account)
        UNION ALL
        SELECT fee, 'no rule' AS wrong FROM $fee WHERE (version, fee) NOT IN (SELECT version, fee FROM rules)""",
    ),
    Rule(
        "accounts",
        "科目均在科目表中",
        "journal",
        "whole",
        """
        SELECT account, count() AS rows FROM $journal
        WHERE account NOT IN (SELECT account FROM $account) GROUP BY account""",
    ),
    Rule(
        "explained",
        "每笔费用的金额与其快照相符，日期为上海业务日",
        "charge",
        "blocks",
        f"""
        WITH reinterpretAsInt64(amount) AS units,
             toInt128(reinterpretAsInt64(first_price)) * 1000
                 + toInt128(reinterpretAsInt64(continued_price)) * continued_g AS exact,
             multiIf(rounding = 'half_up_fen', intDiv(exact + 50000, 100000) * 100,
                     rounding = 'up_fen', intDiv(exact + 99999, 100000) * 100,
                     rounding = 'down_fen', intDiv(exact, 100000) * 100, -1) AS priced
        SELECT waybill, fee, revision, amount, first_price, continued_g, continued_price, rounding
        FROM $charge
        WHERE {BLOCK_RANGE} AND (
            business_date != toDate(addHours(event_time, 8), 'UTC')
            OR (book_version != '' OR fee IN (SELECT fee FROM $fee WHERE source = 'tariff'))
                AND {AS_OF} AND steps = '' AND (
                units != priced OR continued_g > 0 AND chargeable_g != first_g + continued_g))""",
    ),
    Rule(
        "reversals",
        "冲销与被冲销一致，且在其后",
        "charge",
        "shards",
        f"""
        SELECT r.waybill AS waybill, r.fee AS fee, r.revision AS revision, r.amount AS amount, c.amount AS reversed
        FROM (SELECT * FROM $charge WHERE {OF_SHARD} AND NOT {AS_OF}) AS r
        LEFT JOIN (
            SELECT * FROM $charge WHERE {OF_SHARD} AND {AS_OF}
                AND (waybill, fee) IN (SELECT waybill, fee FROM $charge WHERE NOT {AS_OF})
        ) AS c ON c.charge_id = r.reverses
        WHERE (r.waybill, r.fee, r.part, r.revision, r.payer, r.payee, r.event_time, r.business_date, r.origin,
               r.destination, r.product, r.amount)
           != (c.waybill, c.fee, c.part, c.revision, c.payer, c.payee, c.event_time, c.business_date, c.origin,
               c.destination, c.product, -c.amount)
           OR (r.seq, r.line) <= (c.seq, c.line)""",
    ),
    Rule(
        "revisions",
        "修订号连续，前一版先冲销，至多一版有效",
        "charge",
        "shards",
        f"""
        SELECT waybill, fee, part, steps FROM (
            SELECT waybill, fee, part,
                   arrayMap(step -> (step.3, step.4),
                            arraySort(groupArray((seq, line, toInt32(revision), {AS_OF})))) AS steps,
                   countIf({AS_OF}) - countIf(NOT {AS_OF}) AS standing
            FROM $charge WHERE {OF_SHARD} GROUP BY waybill, fee, part
        )
        WHERE standing NOT IN (0, 1) OR arrayExists((step, i) -> step.2 AND step.1 > 0 AND NOT has(
            arraySlice(steps, 1, i - 1), (step.1 - 1, false)), steps, arrayEnumerate(steps))""",
    ),
    Rule(
        "caused",
        "每笔费用的起因事件存在，先于费用，时间相符",
        "event",
        "shards",
        f"""
        SELECT c.waybill AS waybill, c.fee AS fee, c.revision AS revision, c.cause AS cause
        FROM (
            SELECT * FROM $charge WHERE {OF_SHARD} AND {AS_OF} AND NOT startsWith(cause, 'breach:')
        ) AS c
        LEFT JOIN (SELECT DISTINCT fee, toString(trigger) AS trigger FROM $fee) AS f ON f.fee = c.fee
        LEFT JOIN (
            SELECT waybill, event_id, toString(kind) AS kind, toString(operation) AS operation, event_time,
                   toString(outlet) AS outlet, seq FROM $event
            WHERE {OF_SHARD} AND (kind != 'scan' OR operation IN ('10', '50') OR event_id IN (
                SELECT cause FROM $charge
                WHERE {OF_SHARD} AND fee IN (SELECT fee FROM $fee WHERE trigger IN ('hub_passed', 'bagged'))))
            UNION ALL
            SELECT waybill, event_id, 'decision', '', event_time, '', seq FROM $weight_decision
            WHERE {OF_SHARD}
            UNION ALL
            SELECT stay, event_id, toString(kind), '', event_time, '', seq FROM $stay_event WHERE {shard_of("stay")}
            UNION ALL
            SELECT haul, event_id, 'haul', '', event_time, '', seq FROM $haul WHERE {shard_of("haul")}
            UNION ALL
            SELECT name, event_id, 'month', '', counted_at, '', seq FROM $stay_month WHERE {shard_of("name")}
        ) AS e ON e.waybill = c.waybill AND e.event_id = c.cause
        WHERE e.event_id = '' OR e.seq > c.seq OR multiIf(
            f.trigger = 'ordered', e.kind != 'order' OR e.event_time != c.event_time,
            f.trigger = 'picked_up', e.operation != '10' OR e.event_time != c.event_time,
            f.trigger = 'signed', e.operation != '50' OR e.event_time != c.event_time,
            f.trigger = 'weighed', e.kind NOT IN ('weight', 'order', 'decision')
                OR e.kind = 'weight' AND e.event_time > c.event_time OR c.weight_event NOT IN ('', e.event_id),
            f.trigger = 'hub_passed', e.kind != 'scan' OR e.outlet != '{HQ}' OR e.event_time != c.event_time,
            f.trigger = 'bagged', e.operation != '60' OR e.event_time != c.event_time,
            f.trigger = 'claimed', e.kind != 'claim' OR e.event_id != c.part OR e.event_time != c.event_time,
            f.trigger = 'stay_opened', e.kind != 'opened' OR e.event_time != c.event_time,
            f.trigger = 'stay_day', e.kind != 'opened' OR e.event_time > c.event_time,
            f.trigger = 'stay_closed', e.kind != if(c.part = '', 'closed', 'reduced') OR e.event_time != c.event_time
                OR c.part NOT IN ('', e.event_id),
            f.trigger = 'hauled', e.kind != 'haul',
            f.trigger IN {postings.words(postings.MONTHS)}, e.kind != 'month',
            e.kind NOT IN ('order', 'decision') AND e.event_time > c.event_time)""",
        most=2_000_000,
    ),
    Rule(
        "penalised",
        "扫描链违规的罚款各有其定案的违规，时间相符",
        "charge",
        "shards",
        f"""
        SELECT waybill, fee, part, revision, cause FROM $charge AS c
        WHERE {OF_SHARD} AND {AS_OF} AND startsWith(cause, 'breach:') AND (
            cause != part OR (waybill, cause, event_time) NOT IN (
                SELECT waybill, claim, event_time FROM $claim WHERE status = 'breached' AND {OF_SHARD}))""",
    ),
    Rule(
        "ordered",
        "每笔费用所依据的订单存在，先于费用",
        "event",
        "shards",
        f"""
        SELECT c.waybill AS waybill, c.fee AS fee, c.revision AS revision, c.order_event AS order_event
        FROM (SELECT * FROM $charge WHERE {OF_SHARD} AND {AS_OF}) AS c
        LEFT JOIN (
            SELECT waybill, event_id, origin, destination, product, seq FROM $event
            WHERE {OF_SHARD} AND kind = 'order'
            UNION ALL
            SELECT stay, event_id, outlet, outlet, '', seq FROM $stay_event
            WHERE {shard_of("stay")} AND kind = 'opened'
            UNION ALL
            SELECT haul, event_id, outlet, if(destination = '', outlet, destination), '', seq FROM $haul
            WHERE {shard_of("haul")}
            UNION ALL
            SELECT name, event_id, outlet, outlet, '', seq FROM $stay_month WHERE {shard_of("name")}
        ) AS e ON e.waybill = c.waybill AND e.event_id = c.order_event
        WHERE (c.order_event, c.origin, c.product) != ('', '', '') AND (e.event_id = '' OR e.seq > c.seq
            OR (e.origin, e.destination, e.product) != (c.origin, c.destination, c.product))""",
        most=2_000_000,
    ),
    Rule(
        "adoptions",
        "每次采信都接替前一次",
        "adopted_weight",
        "shards",
        f"""
        SELECT waybill, replaced, before FROM (
            SELECT waybill, arraySort(groupArray((seq, line, event_id, replaces))) AS steps,
                   arrayMap(step -> step.4, steps) AS replaced,
                   arrayPushFront(arrayPopBack(arrayMap(step -> step.3, steps)), '') AS before
            FROM $adopted_weight WHERE {OF_SHARD} GROUP BY waybill
        )
        WHERE arrayExists((now, was) -> now != was AND NOT (now = '' AND waybill IN (
            SELECT waybill FROM $recall WHERE status != 'assessed' AND {OF_SHARD})), replaced, before)""",
    ),
    Rule(
        "waits",
        "待计费记录逐条改变原因",
        "waiting",
        "shards",
        f"""
        SELECT waybill, fee, part, reasons FROM (
            SELECT waybill, fee, part,
                   arrayMap(step -> step.3, arraySort(groupArray((seq, line, toString(reason))))) AS reasons
            FROM $waiting WHERE {OF_SHARD} GROUP BY waybill, fee, part
        )
        WHERE arrayExists((now, before) -> now = before, reasons, arrayPushFront(arrayPopBack(reasons), ''))""",
    ),
    Rule(
        "breaches",
        "扫描链违规逐条开启、变更、关闭，时限与规则相符",
        "chain_breach",
        "shards",
        f"""
        SELECT waybill, rule, steps FROM (
            SELECT waybill, rule, arraySort(groupArray((seq, line, toString(status), toString(cause)))) AS steps,
                   arrayMap(step -> step.3, steps) AS now, arrayPushFront(arrayPopBack(now), '') AS before,
                   countIf(due < since OR toInt64(age_ms) < dateDiff('ms', since, due) AND status = 'open') AS early
            FROM $chain_breach WHERE {OF_SHARD} GROUP BY waybill, rule
        )
        WHERE early > 0 OR arrayExists((n, b) -> n != 'open' AND b NOT IN ('open', 'final'), now, before)
           OR arrayExists(step -> (step.3 = 'closed') != (step.4 != ''), steps)""",
    ),
    Rule(
        "cases",
        "称重案件逐条开立、变更、裁决、关闭",
        "weight_case",
        "shards",
        f"""
        SELECT waybill, steps FROM (
            SELECT waybill, arrayMap(step -> step.3, arraySort(groupArray((seq, line, toString(status))))) AS steps
            FROM $weight_case WHERE {OF_SHARD} GROUP BY waybill
        )
        WHERE arrayExists((now, before) -> multiIf(
            now = 'opened', before IN ('opened', 'changed'),
            now = 'changed', before NOT IN ('opened', 'changed'),
            now = 'closed', before IN ('', 'closed'), false),
            steps, arrayPushFront(arrayPopBack(steps), ''))""",
    ),
    Rule(
        "recalls",
        "重新计费各有其原因，所载冲销笔数相符",
        "recall",
        "shards",
        f"""
        SELECT waybill, cause, sum(n) AS difference FROM (
            SELECT seq, waybill, cause, toInt64(reversed) AS n FROM $recall WHERE {shard_of("waybill")}
            UNION ALL
            SELECT seq, waybill, cause, toInt64(-1) FROM $charge
            WHERE {shard_of("waybill")} AND NOT {AS_OF}
                AND (cause IN {PUBLICATIONS} AND fee NOT IN {postings.OF_STORES} OR (seq, waybill, cause) IN (
                    SELECT seq, waybill, cause FROM $recall WHERE {shard_of("waybill")}))
        ) GROUP BY seq, waybill, cause HAVING difference != 0
        UNION ALL
        SELECT waybill, cause, 0 AS difference FROM $recall
        WHERE {shard_of("waybill")} AND NOT startsWith(cause, 'asked-') AND cause NOT IN {PUBLICATIONS}
            AND cause NOT IN (SELECT dead_letter_id FROM $dead_letter)
            AND (waybill, cause) NOT IN (SELECT waybill, event_id FROM $event WHERE {shard_of("waybill")})
            AND (waybill, cause) NOT IN (SELECT stay, event_id FROM $stay_event)
            AND (waybill, cause) NOT IN (SELECT waybill, event_id FROM $weight_decision)""",
    ),
    Rule(
        "places",
        "事件的网点与城市如网络目录",
        "event",
        "whole",
        """
        SELECT DISTINCT site, outlet, city, province FROM $event
        WHERE site != '' AND (site, outlet, city, province)
            NOT IN (SELECT site, outlet, toString(city), toString(province) FROM $site)""",
    ),
    Rule(
        "details",
        "订单条款与理赔奖惩各有其事件，一一对应",
        "claim",
        "shards",
        f"""
        SELECT waybill, event_id, sum(found) AS difference FROM (
            SELECT waybill, event_id, 1 AS found FROM $event
            WHERE kind IN ('claim', 'claim_withdrawn') AND {OF_SHARD}
            UNION ALL SELECT waybill, event_id, -1 FROM $claim
            WHERE status IN ('claimed', 'withdrawn') AND {OF_SHARD}
            UNION ALL SELECT waybill, event_id, 1 FROM $order_terms
            WHERE {OF_SHARD} AND (waybill, event_id) NOT IN (
                SELECT waybill, event_id FROM $event WHERE kind = 'order' AND {OF_SHARD})
        ) GROUP BY waybill, event_id HAVING difference != 0""",
    ),
    unique("charge_ids", "费用编号唯一", "charge", "charge_id", "hex(charge_id)"),
    unique("row_ids", "日记账行号唯一", "journal", "row_id", "hex(row_id)"),
    unique(
        "event_ids", "没有事件（运单与编号）被接受两次", "event", "(waybill, event_id)", "(waybill, event_id)"
    ),
    unique(
        "records",
        "没有 Kafka 记录被接受两次",
        "event",
        "(topic, partition, offset)",
        "(topic, partition, offset)",
    ),
    unique("stay_event_ids", "没有在库事件被接受两次", "stay_event", "(stay, event_id)", "(stay, event_id)"),
    unique(
        "stay_records", "没有在库记录被接受两次", "stay_event", "(partition, offset)", "(partition, offset)"
    ),
    unique("haul_ids", "没有运输事件被接受两次", "haul", "(haul, event_id)", "(haul, event_id)"),
    unique("haul_records", "没有运输记录被接受两次", "haul", "(partition, offset)", "(partition, offset)"),
    unique("month_ids", "没有客户月事件被接受两次", "stay_month", "(name, event_id)", "(name, event_id)"),
    Rule(
        "commands_posted",
        "每笔执行的资金指令按规则逐行入账，不多不少",
        "answer",
        "blocks",
        f"""
        SELECT party, max(command_id) AS command, book, account, side, amount,
               if(sum(found) > 0, 'not called for', 'missing') AS row
        FROM (
            SELECT charge_id, fee, command_time AS time, amount, account, side, party, command_id,
                   if(of = '{HQ}', '{HQ}', party) AS book, if(of = '{HQ}', party, '{HQ}') AS counterparty,
                   -1 AS found
            FROM (
                SELECT DISTINCT party, command_id, charge_id, fee FROM $account_movement
                WHERE {BLOCK_RANGE} AND command_id != '' AND fee != ''
                    AND kind NOT IN {postings.words(postings.DEDUCTED)}
            ) AS moved
            JOIN (SELECT * FROM $answer WHERE {BLOCK_RANGE} AND accepted) AS said USING (party, command_id)
            JOIN {postings.as_values(postings.MONEY_LEGS)} AS leg USING (fee)
            UNION ALL
            SELECT charge_id, fee, event_time, amount, account, side, if(book = '{HQ}', counterparty, book), '',
                   book, counterparty, 1
            FROM $journal WHERE {BLOCK_RANGE} AND fee IN {postings.words(postings.COMMANDS)}
        )
        GROUP BY charge_id, fee, time, amount, account, side, party, book, counterparty
        HAVING sum(found) != 0""",
    ),
    Rule(
        "deductions_posted",
        "每笔账户扣款与退回按规则逐行入账，不多不少",
        "deduction",
        "blocks",
        f"""
        SELECT party, max(number) AS deduction, book, account, side, amount,
               if(sum(found) > 0, 'not called for', 'missing') AS row
        FROM (
            SELECT charge_id, fee, time, amount, account, side, party, number,
                   if(of = '{HQ}', '{HQ}', party) AS book, if(of = '{HQ}', party, '{HQ}') AS counterparty,
                   -1 AS found
            FROM (
                SELECT DISTINCT toString(party) AS party, command_id AS number, charge_id, toString(fee) AS fee
                FROM $account_movement
                WHERE {BLOCK_RANGE} AND kind IN {postings.words(postings.DEDUCTED)}
            ) AS moved
            JOIN (
                SELECT party, deduction AS number, time, amount,
                       if(status = 'taken', 'deduct', 'give_back') AS fee
                FROM $deduction WHERE {BLOCK_RANGE} AND status IN ('taken', 'returned')
            ) AS done USING (party, number, fee)
            JOIN {postings.as_values(postings.DEDUCTION_LEGS)} AS leg USING (fee)
            UNION ALL
            SELECT charge_id, toString(fee), event_time, amount, account, side,
                   toString(if(book = '{HQ}', counterparty, book)), '', book, counterparty, 1
            FROM $journal WHERE {BLOCK_RANGE} AND fee IN {postings.words(postings.DEDUCTED)}
        )
        GROUP BY charge_id, fee, time, amount, account, side, party, book, counterparty
        HAVING sum(found) != 0""",
    ),
    unique("commands", "没有指令被执行两次", "answer", "(party, command_id)", "(party, command_id)"),
    Rule(
        "entry_blocks",
        "分录编号不跨区块",
        "journal",
        "shards",
        f"""
        SELECT hex(entry_id) AS entry, uniqExact(seq) AS blocks FROM $journal WHERE {shard_of("entry_id")}
        GROUP BY entry_id HAVING blocks > 1""",
    ),
)
"""In the order of the report."""

UNITS = {
    "journal": "journal rows",
    "charge": "charges",
    "event": "events",
    "adopted_weight": "adoptions",
    "waiting": "rows",
    "answer": "commands",
    "deduction": "deductions",
    "posting_rule": "legs",
    "claim": "claims and withdrawals",
    "chain_breach": "rows",
    "recall": "parcels",
    "weight_case": "rows",
    "stay_event": "events of stays",
    "haul": "words about hauls",
    "stay_month": "words about months",
    "payment": "rows",
    "payment_match": "matches",
    "receivable": "words about dues",
    "payment_exception": "rows",
    "notification": "notifications",
    "order_status": "statuses",
    "payment_decision": "decisions",
    "bill": "bills",
    "bill_line": "lines of bills",
}

MOST = " LIMIT 1000"
"""Broken rows that are counted of a piece: enough to know that everything is wrong."""


def check_rule(store: Store, rule: Rule) -> Check:
    """Ask a rule's question piece by piece."""
    found = Findings(rule.name, rule.label)
    found.seen = store.count(rule.table)
    if rule.pieces == "blocks":
        for first, last in store.ranges(rule.table, 1_000_000):
            found.rows(store.rows(rule.sql + MOST, first=first, last=last))
    elif rule.pieces == "shards":
        for shard, shards in store.shards(rule.table, rule.most):
            found.rows(store.rows(rule.sql + MOST, shard=shard, shards=shards))
    else:
        found.rows(store.rows(rule.sql + MOST))
    return found.check(UNITS[rule.table])
