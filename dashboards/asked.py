"""An exception of payments, open or closed: what it is about, what was seen and decided, why nothing matched."""

from collections.abc import Iterator

from clickhouse_connect.driver.client import Client

from dashboards import decided, terms
from dashboards.currencies import amount_of, foreign
from dashboards.phrases import not_believed
from dashboards.queries import Row, rows
from dashboards.stored import phrases_of
from dashboards.trail import deducted, sides
from dashboards.why import explained
from dashboards.words import aged, shanghai
from flows.reconciliation.deducting import REFUSED

ONE = """
SELECT any(toString(`group`)) AS of_group, any(toString(kind)) AS kind, any(subject) AS subject,
       any(toString(severity)) AS severity, any(toString(owner)) AS owner, any(action) AS suggested,
       argMax(toString(status), (seq, line)) AS state, argMax(e.amount, (seq, line)) AS amount,
       argMax(e.evidence, (seq, line)) AS evidence, argMax(e.candidates, (seq, line)) AS candidates,
       dateDiff('minute', argMax(e.since, (seq, line)), now) AS minutes,
       (SELECT now FROM payment_clock) AS now, exception_id
FROM payment_exception AS e WHERE exception_id = {id:String} GROUP BY exception_id"""
HISTORY = """
SELECT time, status, amount, evidence, cause FROM payment_exception
WHERE exception_id = {id:String} ORDER BY seq, line"""
DECIDED = f"""{decided.DECISIONS}
WHERE p.exception_id = {{id:String}}
    OR p.of IN (SELECT event_id FROM payment_decision WHERE exception_id = {{id:String}})
ORDER BY event_time, of != '', event_id"""
BILLS = """
SELECT day, file, bill, toString(b.reason) AS why, detail FROM bill AS b
WHERE concat(toString(channel), '/', toString(merchant), '/', toString(sort), '/', toString(day)) = {subject:String}
ORDER BY seq, line"""
"""Those of a day, believed or not."""
PAYMENT = """
SELECT count() AS n FROM payment WHERE payment = {payment:String} AND ({kind:String} = '' OR kind = {kind:String})"""


def showing(client: Client, number: str) -> Iterator[str]:
    """All about an exception, open or closed, with what matching saw. Raises LookupError."""
    return about(client, found(client, number))


def about(client: Client, row: Row) -> Iterator[str]:
    """The same of one that was found."""
    number = row["exception_id"]
    phrases = phrases_of(client)
    of = foreign(client, [row["subject"]])
    state, amount = terms.EXCEPTION_STATES.both(row["state"]), amount_of(row["amount"], row["subject"], of)
    age = "" if row["state"] == "closed" else f"  已 open for {aged(row['minutes'])}"
    age += f" 截至 as of {shanghai(row['now'])}" if age else ""
    yield f"{terms.EXCEPTIONS.both(row['kind'])}  {row['subject']}  {amount}  {state}{age}"
    yield (
        f"组 group {row['of_group']}  严重程度 severity {terms.SEVERITIES.both(row['severity'])}  "
        f"负责 owner {terms.OWNERS.both(row['owner'])}  建议 suggested: {terms.ACTIONS.both(row['suggested'])}"
    )
    yield f"依据 evidence: {phrases.told(row['evidence'])}"
    if row["candidates"]:
        yield f"候选 looked at: {row['candidates']}"
    for one in rows(client, HISTORY, id=number):
        amount = amount_of(one["amount"], row["subject"], of)
        what = f"{terms.EXCEPTION_STATES.both(one['status'])}  {amount}  {phrases.told(one['evidence'])}"
        yield f"  {shanghai(one['time'])}  {what}  ({one['cause']})"
    said = rows(client, DECIDED, id=number)
    of = decided.currencies_of(client, said, row["subject"])
    for one in said:
        yield f"  {shanghai(one['event_time'])}  {decided.line(one, of, row['subject'])}"
    if row["kind"] == REFUSED:
        yield from (step.line for step in deducted(client, row["subject"]))
    elif is_payment(client, row):
        yield from map(str, explained(client, row["subject"]))
        yield from (step.line for step in sides(client, [row["subject"]], row["subject"]))
    else:
        yield from map(_bill, rows(client, BILLS, subject=row["subject"]))


def _bill(row: Row) -> str:
    why = not_believed(row["why"], row["detail"]) if row["why"] else ""
    return "  ".join(filter(None, (f"账单 bill  {row['day']}", row["file"], f"({row['bill']})", why)))


def found(client: Client, number: str) -> Row:
    """An exception, open or closed. Raises LookupError."""
    known = rows(client, ONE, id=number)
    if not known:
        raise LookupError(
            f"there is no exception {number}: waybook exceptions list shows those that are open"
        )
    return dict(known[0])


def is_payment(client: Client, row: Row, kind: str = "") -> bool:
    """Whether an exception is about a payment, of this kind or (empty) of any."""
    return bool(rows(client, PAYMENT, payment=row["subject"], kind=kind)[0]["n"])
