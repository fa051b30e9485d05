"""ClickHouse's DDL for the tables: one definition, for one server (or chDB) and for a replicated cluster.

    python -m sinks.ddl              for one server
    python -m sinks.ddl CLUSTER      for a cluster: ReplicatedMergeTree, and Distributed tables

On a cluster each lane writes to the tables of its own shard, in the database that `WAYBOOK_DATABASE` names; readers
use the tables and views of the same names in the database `…_all`, which `WAYBOOK_READ_DATABASE` names: so no
question is asked otherwise on a cluster.
"""

import re
import sys
from collections.abc import Collection

from schemas.settings import from_environment
from sinks.tables import FACTS, TABLES, Table

DEDUPLICATION_WINDOW = 1000
"""Insert tokens that a table remembers: far more than the blocks between two commits of a lane."""

VIEWS = {
    "waiting_now": """
        SELECT waybill, fee, part, argMax(waiting.reason, (seq, line)) AS reason, argMax(since, (seq, line)) AS since,
               argMax(outlet, (seq, line)) AS outlet
        FROM waiting GROUP BY waybill, fee, part HAVING reason != ''""",
    "conflict": """
        SELECT d.waybill AS waybill, d.event_id AS event_id, d.received AS received, d.raw AS refused,
               e.kind AS kind, e.event_time AS event_time, e.operation AS operation, e.site AS site,
               e.device AS device, e.weight_g AS weight_g, e.origin AS origin, e.destination AS destination,
               e.product AS product, e.payment AS payment
        FROM dead_letter AS d LEFT JOIN event AS e ON e.event_id = d.event_id AND e.waybill = d.waybill
        WHERE d.reason = 'conflicting_duplicate' AND d.status = 'open'""",
    "charged_anew": """
        SELECT made.waybill AS waybill, made.fee AS fee, made.part AS part, made.revision AS revision,
               made.charge_id AS charge_id, taken.charge_id AS reversal_id, taken.reverses AS former_id,
               taken.cause AS anew_by, made.cause AS cause, made.business_date AS business_date,
               -taken.amount AS former, made.amount AS amount, made.amount + taken.amount AS difference
        FROM (SELECT * FROM charge WHERE revision > 0 AND reverses = toFixedString('', 16)) AS made
        INNER JOIN (SELECT * FROM charge WHERE reverses != toFixedString('', 16)) AS taken
            ON made.waybill = taken.waybill AND made.fee = taken.fee AND made.part = taken.part
            AND made.revision = taken.revision + 1""",
    "line_profit": """
        SELECT business_date, route, sum(income) AS charged, sum(cost) AS carriage, charged - carriage AS profit
        FROM (
            SELECT business_date, toString(route) AS route, if(side = 'C', amount, -amount) AS income,
                   toDecimal64(0, 4) AS cost
            FROM journal WHERE book = 'HQ' AND route != '' AND substring(account, 1, 1) IN ('4', '5', '6')
                AND fee NOT IN (SELECT fee FROM fee WHERE startsWith(trigger, 'stay_') OR trigger = 'hauled')
            UNION ALL
            SELECT business_date, toString(route), toDecimal64(0, 4), amount FROM cost_share
        ) GROUP BY business_date, route""",
    "open_breach": """
        SELECT waybill, rule, argMax(outlet, (seq, line)) AS responsible, argMax(site, (seq, line)) AS at,
               argMax(since, (seq, line)) AS began, argMax(due, (seq, line)) AS broken
        FROM chain_breach GROUP BY waybill, rule HAVING argMax(status, (seq, line)) = 'open'""",
    "weight_case_now": """
        SELECT waybill, argMax(status, (seq, line)) AS state, argMax(weight_event, (seq, line)) AS counts,
               argMax(weight_class, (seq, line)) AS counts_class, argMax(weight_g, (seq, line)) AS counts_g,
               argMax(site, (seq, line)) AS counts_site, argMax(other_event, (seq, line)) AS other,
               argMax(other_class, (seq, line)) AS class_of_other, argMax(other_g, (seq, line)) AS g_of_other,
               argMax(other_site, (seq, line)) AS site_of_other, argMax(other_outlet, (seq, line)) AS outlet,
               argMax(greatest(event_time, other_time), (seq, line)) AS since,
               argMax(on_difference, (seq, line)) AS treatment, argMax(decision, (seq, line)) AS decided,
               state IN ('opened', 'changed') AS undecided, undecided AND treatment = 'provisional' AS provisional
        FROM weight_case GROUP BY waybill HAVING state != 'closed'""",
    "open_stay": """
        SELECT e.stay AS stay, e.customer AS customer, e.outlet AS outlet, e.since AS since, e.pallets AS pallets,
               e.temperature AS temperature, e.zone AS zone, c.days AS days, c.accrued AS accrued
        FROM (
            SELECT stay, argMaxIf(customer, (event_time, event_id), kind = 'opened') AS customer,
                   argMaxIf(toString(outlet), (event_time, event_id), kind = 'opened') AS outlet,
                   minIf(event_time, kind = 'opened') AS since,
                   if(max(stay_event.pallets) < 0, -1,
                      argMaxIf(stay_event.pallets, (event_time, event_id), stay_event.pallets >= 0)) AS pallets,
                   argMaxIf(toString(stay_event.temperature), (event_time, event_id), stay_event.temperature != '')
                       AS temperature,
                   argMaxIf(toString(stay_event.zone), (event_time, event_id), stay_event.zone != '') AS zone
            FROM stay_event GROUP BY stay HAVING countIf(kind = 'opened') > 0 AND countIf(kind = 'closed') = 0
        ) AS e
        LEFT JOIN (
            SELECT waybill, sum(multiIf(fee NOT IN (SELECT fee FROM fee WHERE trigger = 'stay_day'), 0,
                               reverses = toFixedString('', 16), 1, -1)) AS days,
                   sum(amount) AS accrued
            FROM charge WHERE waybill IN (SELECT stay FROM stay_event) GROUP BY waybill
        ) AS c ON c.waybill = e.stay""",
    "open_dead_letter": """
        SELECT dead_letter_id,
               argMaxIf(dead_letter.reason, (seq, line), status = 'open') AS reason,
               argMaxIf(detail, (seq, line), status = 'open') AS detail,
               argMaxIf(transport, (seq, line), status = 'open') AS transport,
               argMaxIf(topic, (seq, line), status = 'open') AS topic,
               argMaxIf(partition, (seq, line), status = 'open') AS partition,
               argMaxIf(offset, (seq, line), status = 'open') AS offset,
               argMaxIf(event_id, (seq, line), status = 'open') AS event_id,
               argMaxIf(waybill, (seq, line), status = 'open') AS waybill,
               argMaxIf(raw, (seq, line), status = 'open') AS raw,
               minIf(received, status = 'open') AS received, countIf(status = 'open') AS times
        FROM dead_letter GROUP BY dead_letter_id
        HAVING argMax(status, (seq, line)) = 'open'""",
    "payment_now": """
        SELECT p.payment AS payment, p.channel AS channel, p.merchant AS merchant, p.of AS of_group, p.kind AS kind,
               p.direction AS direction, p.state AS state, p.amount AS amount, p.currency AS currency, p.fee AS fee,
               p.ordered AS ordered, p.payer AS payer, p.party AS party, p.paid_at AS paid_at, m.matched AS matched,
               if(p.state = 'success', p.amount - m.matched, toDecimal64(0, 4)) AS unmatched
        FROM (
            SELECT payment, any(toString(channel)) AS channel, any(toString(merchant)) AS merchant,
                   any(toString(`group`)) AS of, any(toString(kind)) AS kind,
                   argMax(toString(direction), (seq, line)) AS direction, argMax(toString(state), (seq, line)) AS state,
                   argMax(payment.amount, (seq, line)) AS amount,
                   argMax(toString(currency), (seq, line)) AS currency, argMax(payment.fee, (seq, line)) AS fee,
                   argMax(`order`, (seq, line)) AS ordered, argMax(payer, (seq, line)) AS payer,
                   argMax(party, (seq, line)) AS party, argMax(event_time, (seq, line)) AS paid_at
            FROM payment GROUP BY payment
        ) AS p
        LEFT JOIN (
            SELECT payment,
                   sumIf(amount, what = 'match' OR posting IN ('difference_kept', 'difference_paid', 'money_kept'))
                       AS matched
            FROM payment_match WHERE payment != '' GROUP BY payment
        ) AS m ON m.payment = p.payment""",
    "due_now": """
        SELECT d.of AS of_group, d.document AS document, d.kind AS kind, d.direction AS direction, d.party AS party,
               d.amount AS amount, d.currency AS currency, d.told_at AS told_at,
               if(d.due_day = toDate(0), toDate(d.told_at, 'Asia/Shanghai'), d.due_day) AS due_day,
               multiIf(d.newest = 'cancelled', 'cancelled', s.status = '', 'open', s.status) AS status,
               s.paid AS paid, s.refunded AS refunded, s.overpaid AS overpaid,
               if(status IN ('open', 'part_paid', 'part_refunded'),
                  greatest(if(s.status = '', d.amount, s.due) - s.paid, toDecimal64(0, 4)), toDecimal64(0, 4))
                   AS remains
        FROM (
            SELECT `group` AS of, document, argMaxIf(toString(kind), (event_time, event_id), status = 'told') AS kind,
                   argMaxIf(toString(direction), (event_time, event_id), status = 'told') AS direction,
                   argMaxIf(party, (event_time, event_id), status = 'told') AS party,
                   argMaxIf(receivable.amount, (event_time, event_id), status = 'told') AS amount,
                   argMaxIf(toString(currency), (event_time, event_id), status = 'told') AS currency,
                   argMaxIf(receivable.due_day, (event_time, event_id), status = 'told') AS due_day,
                   minIf(event_time, status = 'told') AS told_at,
                   argMax(toString(status), (event_time, event_id)) AS newest
            FROM receivable GROUP BY `group`, document HAVING countIf(status = 'told') > 0
        ) AS d
        LEFT JOIN (
            SELECT `group` AS of, document, argMax(toString(status), serial) AS status,
                   argMax(order_status.due, serial) AS due, argMax(order_status.paid, serial) AS paid,
                   argMax(order_status.refunded, serial) AS refunded,
                   argMax(order_status.overpaid, serial) AS overpaid
            FROM order_status GROUP BY `group`, document
        ) AS s ON s.of = d.of AND s.document = d.document""",
    "bill_now": """
        SELECT bill, multiIf(status = 'refused', 'refused', NOT whole, 'incomplete',
                             first_value(bill) OVER same = bill, 'counts', 'superseded') AS state,
               of_group, channel, merchant, sort, day, statement, lines, paid, refunded, fee, file, reason
        FROM (
            SELECT bill, statement, toString(status) AS status, toString(`group`) AS of_group,
                   toString(channel) AS channel, toString(merchant) AS merchant, toString(sort) AS sort, day,
                   e.lines AS lines, e.paid AS paid, e.refunded AS refunded, e.fee AS fee, file,
                   toString(reason) AS reason, event_time,
                   (e.parts, e.lines, e.paid, e.refunded, e.fee)
                       = (p.parts, p.lines, p.paid, p.refunded, p.fee) AS whole
            FROM bill AS e
            LEFT JOIN (
                SELECT channel, merchant, sort, day, bill, uniqExact(part) AS parts, count() AS lines,
                       sumIf(bill_line.amount, state = 'success' AND kind != 'refund' AND direction = 'in') AS paid,
                       sumIf(bill_line.amount, state = 'success' AND kind = 'refund') AS refunded,
                       sumIf(bill_line.fee, state = 'success') AS fee
                FROM bill_line GROUP BY channel, merchant, sort, day, bill
            ) AS p USING (channel, merchant, sort, day, bill)
        ) WINDOW same AS (PARTITION BY channel, merchant, sort, day, statement
                          ORDER BY status, whole DESC, event_time DESC, bill DESC)""",
    "payment_clock": """
        SELECT max(moment) AS now, toDate(now, 'Asia/Shanghai') AS today FROM (
            SELECT max(event_time) AS moment FROM payment
            UNION ALL SELECT max(event_time) FROM receivable
            UNION ALL SELECT max(time) FROM payment_exception
        )""",
    "payment_exception_now": """
        SELECT exception_id, any(toString(`group`)) AS of_group, any(toString(kind)) AS kind, any(subject) AS subject,
               any(toString(severity)) AS severity, any(toString(owner)) AS owner, any(action) AS suggested,
               argMax(toString(status), (seq, line)) AS state, argMax(payment_exception.amount, (seq, line)) AS amount,
               argMax(payment_exception.evidence, (seq, line)) AS evidence,
               argMax(payment_exception.candidates, (seq, line)) AS candidates,
               argMax(payment_exception.since, (seq, line)) AS since,
               argMax(payment_exception.until, (seq, line)) AS until
        FROM payment_exception GROUP BY exception_id""",
    "open_payment_exception": """
        SELECT * FROM payment_exception_now WHERE state NOT IN ('closed', 'accepted')""",
    "decision_now": """
        SELECT d.event_id AS decision_id, toString(d.`group`) AS of_group, toString(d.decision) AS decision,
               s.state AS state, d.by AS decided_by, d.event_time AS decided_at, d.exception_id AS exception_id,
               d.shares AS shares, d.payment AS payment, d.document AS document, d.amount AS amount,
               d.until AS until, d.reason AS reason
        FROM payment_decision AS d
        LEFT JOIN (
            SELECT toString(`group`) AS of_group, event_id, argMax(toString(state), (seq, line)) AS state
            FROM decision_state GROUP BY of_group, event_id
        ) AS s ON s.of_group = of_group AND s.event_id = decision_id
        WHERE decision NOT IN ('approve', 'withdraw')""",
    "decision_shown": """
        SELECT n.decision_id AS decision_id, n.of_group AS of_group, n.decision AS decision,
               multiIf(n.state != 'in_force' OR r.replaced_by = '', n.state, r.wholly, 'replaced', 'part_replaced')
                   AS state,
               r.replaced_by AS replaced_by, decided_by, decided_at, exception_id, shares, payment, document, amount,
               until, reason
        FROM decision_now AS n
        LEFT JOIN (
            SELECT of_group, decision_id, countIf(counts = decision_id) = 0 AS wholly,
                   arrayStringConcat(arraySort(groupUniqArrayIf(counts, counts != decision_id)), ' ') AS replaced_by
            FROM (
                SELECT of_group, decision_id,
                       last_value(decision_id) OVER (
                           PARTITION BY of_group, decision, about ORDER BY decided_at, decision_id
                           ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS counts
                FROM (
                    SELECT DISTINCT of_group, decision, decision_id, decided_at, arrayJoin(multiIf(
                        decision = 'match', arrayMap(x -> concat(JSONExtractString(x, 'payment'), ' ',
                            JSONExtractString(x, 'document')), JSONExtractArrayRaw(shares)),
                        [multiIf(decision = 'refund', payment, decision = 'write_off', document, exception_id)]
                    )) AS about
                    FROM decision_now WHERE state IN ('in_force', 'withdrawing')
                )
            ) GROUP BY of_group, decision_id
        ) AS r ON r.of_group = n.of_group AND r.decision_id = n.decision_id""",
    "open_decision": """
        SELECT d.decision_id AS decision_id, d.of_group AS of_group, d.decision AS decision,
               multiIf(d.state = 'waiting', 'approval', d.state = 'withdrawing', 'withdrawal', 'refund') AS needs,
               d.decided_by AS decided_by, d.decided_at AS decided_at, d.exception_id AS exception_id,
               if(d.decision = 'accept', e.subject, d.about) AS about,
               if(needs = 'refund', least(d.units, p.unmatched - r.gone), d.units) AS amount, d.reason AS reason
        FROM (
            SELECT decision_id, of_group, decision, state, decided_by, decided_at, exception_id, payment, reason,
                   JSONExtractArrayRaw(shares) AS parts,
                   multiIf(decision = 'match', arrayStringConcat(arrayMap(x -> concat(JSONExtractString(x, 'payment'),
                       ' → ', JSONExtractString(x, 'document')), parts), ', '),
                       decision = 'refund', payment, document) AS about,
                   decision_shown.amount
                       + toDecimal64(arraySum(x -> JSONExtractInt(x, 'amount_e4'), parts), 4) / 10000 AS units
            FROM decision_shown
            WHERE state IN ('waiting', 'withdrawing') OR (decision = 'refund' AND state = 'in_force')
        ) AS d
        LEFT JOIN (
            SELECT exception_id, any(subject) AS subject FROM payment_exception
            WHERE exception_id IN (SELECT exception_id FROM payment_decision WHERE decision = 'accept')
            GROUP BY exception_id
        ) AS e ON e.exception_id = d.exception_id
        LEFT JOIN (
            SELECT payment, unmatched FROM payment_now
            WHERE payment IN (SELECT payment FROM payment_decision WHERE decision = 'refund')
        ) AS p ON p.payment = d.payment
        LEFT JOIN (
            SELECT o.of AS of, sum(n.unmatched) AS gone
            FROM (
                SELECT payment, argMax(original, (seq, line)) AS of FROM payment WHERE kind = 'refund'
                    AND original IN (SELECT payment FROM payment_decision WHERE decision = 'refund') GROUP BY payment
            ) AS o
            JOIN payment_now AS n ON n.payment = o.payment GROUP BY of
        ) AS r ON r.of = d.payment
        WHERE needs != 'refund' OR amount > 0""",
    "open_receivable": """
        SELECT of_group, document, kind, party, currency, due_day,
               dateDiff('day', due_day, (SELECT today FROM payment_clock)) AS late,
               multiIf(late <= 0, 'current', late <= 30, '1-30', late <= 60, '31-60', late <= 90, '61-90', 'over 90')
                   AS bucket, remains
        FROM due_now WHERE direction = 'in' AND remains > 0""",
    "receivable_aging": """
        SELECT of_group, party, kind, currency, bucket, count() AS documents, sum(remains) AS amount
        FROM open_receivable GROUP BY of_group, party, kind, currency, bucket""",
    "days_sales_outstanding": """
        SELECT of_group, currency, sum(remains) AS outstanding,
               sumIf(amount, told_at >= (SELECT now FROM payment_clock) - INTERVAL 90 DAY AND status != 'cancelled')
                   AS issued_in_90_days,
               least(90, dateDiff('day', toDate(min(told_at), 'Asia/Shanghai'), (SELECT today FROM payment_clock)) + 1)
                   AS period,
               if(issued_in_90_days = 0, NULL,
                  round(toFloat64(outstanding) / toFloat64(issued_in_90_days) * period, 1)) AS days
        FROM due_now WHERE direction = 'in' AND kind NOT IN ('topup') GROUP BY of_group, currency""",
    "channel_day": """
        SELECT toDate(paid_at, 'Asia/Shanghai') AS business_date, of_group, channel, merchant, kind, direction,
               currency, countIf(payment_now.amount != 0) AS payments, sum(amount) AS amount, sum(fee) AS fees,
               sum(matched) AS matched, countIf(unmatched = 0 AND payment_now.amount != 0) AS fully_matched
        FROM payment_now WHERE state = 'success'
        GROUP BY business_date, of_group, channel, merchant, kind, direction, currency""",
    "close_now": """
        SELECT toString(`group`) AS of_group, toString(channel) AS channel, toString(merchant) AS merchant,
               toString(period) AS period, first, last, close_id, by AS closed_by, event_time AS closed_at,
               received_count, received, refunded_count, refunded, paid_out_count, paid_out, fees_count, fees,
               matched_count, matched, matched_out_count, matched_out, billed_lines, billed, billed_refunds,
               billed_fees, suspense, open_count, open, items
        FROM close WHERE status = 'closed'
            AND (`group`, close_id) NOT IN (SELECT `group`, of FROM close WHERE status = 'reopened')""",
    "three_way_day": """
        SELECT day, of_group, channel, merchant, kind, direction, currency,
               countIf(side = 'told') AS notified, sumIf(units, side = 'told') AS notified_amount,
               countIf(side = 'trade') AS billed, sumIf(units, side = 'trade') AS billed_amount,
               countIf(side = 'fund') AS moved, sumIf(units, side = 'fund') AS moved_amount,
               countIf(side = 'booked') AS booked, sumIf(units, side = 'booked') AS booked_amount
        FROM (
            SELECT b.side AS side, b.units AS units, p.day AS day, p.of_group AS of_group, p.channel AS channel,
                   p.merchant AS merchant, p.kind AS kind, p.direction AS direction, p.currency AS currency
            FROM (
                SELECT payment, any(toString(`group`)) AS of_group, any(toString(channel)) AS channel,
                       any(toString(merchant)) AS merchant, any(toString(kind)) AS kind,
                       argMax(toString(direction), (seq, line)) AS direction,
                       argMax(toString(currency), (seq, line)) AS currency,
                       argMax(if(payment.settled = toDate(0), toDate(event_time, 'Asia/Shanghai'), payment.settled),
                              (seq, line)) AS day
                FROM payment GROUP BY payment
            ) AS p
            JOIN (
                SELECT payment, 'booked' AS side, argMax(payment.amount, (seq, line)) AS units
                FROM payment GROUP BY payment
                HAVING argMax(toString(state), (seq, line)) = 'success' AND units != 0
                UNION ALL
                SELECT payment, 'told' AS side, argMin(notification.amount, event_time) AS units
                FROM notification WHERE state = 'success' GROUP BY payment
            ) AS b ON b.payment = p.payment
            UNION ALL
            SELECT toString(sort) AS side, bill_line.amount AS units, day, toString(`group`) AS of_group,
                   toString(channel) AS channel, toString(merchant) AS merchant, toString(kind) AS kind,
                   toString(direction) AS direction, toString(currency) AS currency
            FROM bill_line
            WHERE state = 'success' AND amount != 0 AND (channel, merchant, sort, day, bill) IN (
                SELECT channel, merchant, sort, day, bill FROM bill_now WHERE state = 'counts')
        ) GROUP BY day, of_group, channel, merchant, kind, direction, currency""",
    "channel_share": """
        SELECT business_date, of_group, channel, merchant, currency, payments, amount,
               floored + (row_number() OVER (PARTITION BY business_date, of_group, currency
                                             ORDER BY over DESC, channel, merchant) <= lacking) AS basis_points
        FROM (
            SELECT *, 10000 - sum(floored) OVER of_day AS lacking
            FROM (
                SELECT *, toInt64(intDiv(units * 10000, sum(units) OVER of_day)) AS floored,
                       units * 10000 % sum(units) OVER of_day AS over
                FROM (
                    SELECT business_date, of_group, channel, merchant, currency, sum(c.payments) AS payments,
                           sum(c.amount) AS amount, toInt128(amount * 10000) AS units
                    FROM channel_day AS c
                    WHERE channel != 'account' AND kind = 'payment' AND direction = 'in' AND c.amount > 0
                    GROUP BY business_date, of_group, channel, merchant, currency
                ) WINDOW of_day AS (PARTITION BY business_date, of_group, currency)
            ) WINDOW of_day AS (PARTITION BY business_date, of_group, currency)
        )""",
    "channel_fee": """
        SELECT business_date, of_group, channel, merchant, currency, sumIf(c.payments, direction = 'in') AS payments,
               sumIf(c.amount, direction = 'in') AS money_in, sumIf(c.amount, direction = 'out') AS money_out,
               sum(c.fees) AS kept,
               toInt64(round(kept * 1000000 / nullIf(money_in, 0))) AS per_million
        FROM channel_day AS c WHERE channel != 'account'
        GROUP BY business_date, of_group, channel, merchant, currency""",
    "cash_day": """
        SELECT business_date, max(ledger) OVER account_of AS account, channel, merchant, currency,
               money_in, money_out, fees, sum(money_in - money_out - fees) OVER up_to AS balance,
               sum(unknown) OVER up_to AS suspense
        FROM (
            SELECT business_date, max(ledger) AS ledger, channel, merchant, currency,
                   sumIf(units, what = 'in') AS money_in, sumIf(units, what = 'out') AS money_out,
                   sumIf(units, what = 'fee') AS fees, sumIf(units, what = 'unknown') AS unknown
            FROM (
                SELECT business_date, if(account = '2601', '', toString(account)) AS ledger,
                       if(account = '2601', toString(waybill),
                          multiIf(account = '1801', '', account = '1817', concat('transit/', counterparty, '/payment/'),
                                  concat(counterparty, '/payment/'))) AS key,
                       extract(key, '^[^/]+') AS channel,
                       extract(key, '^[^/]+/(.+?)/(?:payment|refund|chargeback|transfer)/') AS merchant,
                       'CNY' AS currency,
                       multiIf(account = '2601', 'unknown', fee = 'channel_fee', 'fee', side = 'D', 'in', 'out')
                           AS what,
                       if(account = '2601' AND side = 'D', -journal.amount, journal.amount) AS units
                FROM journal
                WHERE book = 'HQ' AND (account = '2601' OR startsWith(account, '18') AND account != '1816')
                UNION ALL
                SELECT toDate(paid_at, 'Asia/Shanghai') AS business_date, '' AS ledger, '' AS key, channel, merchant,
                       currency, one.1 AS what, one.2 AS units
                FROM payment_now
                ARRAY JOIN [(direction, payment_now.amount), ('fee', payment_now.fee),
                            ('unknown', if(direction = 'in', unmatched, -unmatched))] AS one
                WHERE state = 'success' AND currency != 'CNY'
                    AND payment IN (SELECT payment FROM payment WHERE currency != 'CNY')
            ) WHERE channel != 'account' GROUP BY business_date, channel, merchant, currency
        ) WINDOW account_of AS (PARTITION BY channel, merchant, currency),
                 up_to AS (PARTITION BY channel, merchant, currency ORDER BY business_date)""",
    "cash_position": """
        SELECT c.account AS account, a.name AS name, a.english AS english, c.channel AS channel,
               c.merchant AS merchant, c.currency AS currency, sum(c.money_in - c.money_out - c.fees) AS balance,
               argMax(c.suspense, c.business_date) AS suspense, max(c.business_date) AS moved_on
        FROM cash_day AS c
        LEFT JOIN (SELECT account, any(account.name) AS name, any(account.english) AS english FROM account
                   GROUP BY account) AS a ON a.account = c.account
        GROUP BY account, name, english, channel, merchant, currency""",
}
"""Views for people: charges that were made anew, what waits now, goods in stores, open breaches of scan chains, cases
of weights, conflicting duplicates with both contents, dead letters still open; payments, dues and bills as they are,
exceptions and decisions as they are, exceptions that are open, decisions that wait for another person or for money to
go back, receivables of which something is open with their days overdue, the sums of their aging, days sales
outstanding, each day by channel, what was notified, billed and booked of it, closes that stand.

`charged_anew`: `anew_by` is the event for which the former charge was taken back (a publication or withdrawal of a
tariff, a fact), `cause` still what made the fee due, whose time `event_time` is.

`decision_shown`: of two decisions about the same thing the later one counts, as in `reconciliation.decisions`: one in
whose place others count is `replaced`, a match of which some shares still count `part_replaced`, by `replaced_by`.

`channel_share`: of a group's money in of a day, in basis points; what is left over after rounding down goes to the
largest remainders, then by channel and merchant, so a day's shares come to 10,000. `channel_fee`: what channels
kept, per million of money in to the nearest whole. `cash_day`: what came, went and was kept by channel, merchant
and currency, by the ledger's business dates, and what stood there at the day's end, of it `suspense`: money of
which nobody knows what it is for (2601). Other currencies than CNY are not in the ledger: they go by payments, on
the days on which they moved. What is deducted from virtual accounts is at no channel; 1801 has none.
`cash_position`: the newest of it."""


def statements(
    cluster: str | None = None,
    database: str = "default",
    there: Collection[str] = (),
    known: Collection[str] = (),
) -> list[str]:
    """CREATE statements in order, each safe to repeat.

    `cluster`: its name in ClickHouse's configuration. `there`: tables and views that one server has already. `known`:
    settings of tables that it knows.
    """
    if not cluster:
        tables = [create(table, known=known) for table in TABLES if table.name not in there]
        return tables + [_view(name, name) for name in VIEWS if name not in there]
    everywhere = f"{database}_all"
    return [
        f"CREATE DATABASE IF NOT EXISTS {database} ON CLUSTER {cluster}",
        f"CREATE DATABASE IF NOT EXISTS {everywhere} ON CLUSTER {cluster}",
        *(create(table, cluster, database) for table in TABLES),
        *(_distributed(table, cluster, database, everywhere) for table in TABLES),
        *(_view(name, f"{everywhere}.{name} ON CLUSTER {cluster}", everywhere) for name in VIEWS),
    ]


def _view(name: str, where: str, database: str = "") -> str:
    """A view, of this database's tables or (`database`) of another's."""
    sql = " ".join(VIEWS[name].split())
    for known in (*(table.name for table in TABLES), *VIEWS) if database else ():
        sql = re.sub(rf"\b(FROM|JOIN) {known}\b", rf"\1 {database}.{known}", sql)
    return f"CREATE VIEW IF NOT EXISTS {where} AS {sql}"


NEWER = {"auto_statistics_types": "''"}
"""Settings that only newer servers know. They keep statistics of all columns otherwise, which none of our questions is
planned by and which take a fifth of an insert and its merges."""


def create(table: Table, cluster: str | None = None, database: str = "", known: Collection[str] = ()) -> str:
    """The CREATE TABLE of one table. `known`: settings of tables that the server knows."""
    columns = [
        f"    `{column.name}` {column.type}"
        + (f" COMMENT '{_quote(column.comment)}'" if column.comment else "")
        for column in table.columns
    ]
    inside = ",\n".join(columns + [f"    {extra}" for extra in table.extras])
    engine, window = "MergeTree", "non_replicated_deduplication_window"
    if cluster:
        path = "/clickhouse/tables/{shard}/{database}/{table}"
        engine, window = f"ReplicatedMergeTree('{path}', '{{replica}}')", "replicated_deduplication_window"
    settings: dict[str, object] = {window: DEDUPLICATION_WINDOW}
    settings |= {name: value for name, value in NEWER.items() if name in known}
    if table in FACTS:
        settings["merge_selector_base"] = 20  # fewer, wider merges: half the merge work of the default
    on = f" ON CLUSTER {cluster}" if cluster else ""
    name = f"{database}.{table.name}" if database else table.name
    return (
        f"CREATE TABLE IF NOT EXISTS {name}{on}\n(\n{inside}\n)\n"
        f"ENGINE = {engine}\nORDER BY ({', '.join(table.order_by)})\n"
        f"SETTINGS {', '.join(f'{name} = {value}' for name, value in settings.items())}\n"
        f"COMMENT '{_quote(table.comment)}'"
    )


def _distributed(table: Table, cluster: str, database: str, everywhere: str) -> str:
    return (
        f"CREATE TABLE IF NOT EXISTS {everywhere}.{table.name} ON CLUSTER {cluster} AS {database}.{table.name}\n"
        f"ENGINE = Distributed({cluster}, {database}, {table.name}, {table.shard})"
    )


def _quote(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")


if __name__ == "__main__":
    _cluster = sys.argv[1] if len(sys.argv) > 1 else None
    sys.stdout.write(";\n\n".join(statements(_cluster, from_environment().database)) + ";\n")
