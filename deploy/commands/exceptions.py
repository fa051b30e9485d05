"""Exceptions of payments, people's decisions about them, why a payment was matched, and what a channel sent."""

import argparse
import os
import sys
from collections.abc import Callable, Iterator

from dashboards import asked, records
from dashboards.trail import one_meant
from dashboards.why import explained
from deploy.commands import Command, Run, day, safely
from deploy.commands.where import books_of, settings_of, store_of
from deploy.evidence import decrypting, legible, shown
from deploy.reconciliation import people
from deploy.reconciliation.known import require_group
from deploy.reconciliation.taken import became
from deploy.terminal import some
from flows.reconciliation.judge import ADVICE
from schemas.money import parse_payable, parse_yuan
from schemas.payments import PaymentDecided
from schemas.reasons import EXCEPTION
from schemas.times import span

LIMIT = 1_000
"""Exceptions that are listed at once."""
NONE_OPEN = "没有这样的待处理异常 no such exception is open"
NONE_ACCEPTED = "没有这样的已认可异常 no such exception is accepted"
NOTHING_UNDONE = "没有待办裁决 no decision waits for anybody, and no money has to go back"


def exceptions(arguments: argparse.Namespace) -> Iterator[str]:
    """What people are asked about payments and bills: list and show it, answer it (match, write off, refund, accept,
    ignore), approve and withdraw answers. Alone: what is open."""
    return list_(arguments)


def list_(arguments: argparse.Namespace) -> Iterator[str]:
    """Open exceptions, the worst and oldest first."""
    client = books_of(arguments)
    require_group(client, arguments.group)
    listed = people.listing(
        client,
        arguments.kind,
        arguments.group,
        owner=arguments.owner,
        ignored=arguments.ignored,
        accepted=arguments.accepted,
        age=span(arguments.older_than),
        limit=arguments.limit,
    )
    yield from some(listed, NONE_ACCEPTED if arguments.accepted else NONE_OPEN)


def decisions(arguments: argparse.Namespace) -> Iterator[str]:
    """Decisions, and withdrawals, that wait for another person, and money that has to go back and has not."""
    client = books_of(arguments)
    require_group(client, arguments.group)
    yield from some(people.undone(client, arguments.group), NOTHING_UNDONE)


def show(arguments: argparse.Namespace) -> Iterator[str]:
    """All about one, or about a decision."""
    client = books_of(arguments)
    if records.kind_of(client, arguments.id) == "decision":
        yield from records.record(client, "decision", arguments.id).lines
    else:
        yield from asked.showing(client, arguments.id)


def resolve(arguments: argparse.Namespace) -> PaymentDecided:
    """Decide about one: match, write off, refund, accept it as it is, or ignore it for a while. The first three about
    a payment or document, too, of which nobody is asked: a match that is wrong, the rest of what is paid in part."""
    answer = people.Answer(store_of(arguments), arguments.by, arguments.reason)
    if arguments.match:
        return answer.match(arguments.id, [_share(text) for text in arguments.match])
    if arguments.write_off:
        return answer.write_off(arguments.id, arguments.document, _amount(arguments.write_off))
    if arguments.refund is not None:
        return answer.refund(arguments.id, _amount(arguments.refund) if arguments.refund else 0)
    if arguments.accept is not None:
        return answer.accept(arguments.id, parse_yuan(arguments.accept))
    return answer.ignore(arguments.id, arguments.ignore_until)


def agree(arguments: argparse.Namespace) -> PaymentDecided:
    """Agree to another person's decision."""
    return people.Answer(store_of(arguments), arguments.by).approve(arguments.id)


def withdraw(arguments: argparse.Namespace) -> PaymentDecided:
    """Take a decision back; what another person had to approve, two persons take back."""
    return people.Answer(store_of(arguments), arguments.by, arguments.reason).withdraw(arguments.id)


def explain(arguments: argparse.Namespace) -> Iterator[str]:
    """Why a payment was matched, or why not."""
    client = books_of(arguments)
    yield from map(str, explained(client, one_meant(client, arguments.payment)))


def evidence(arguments: argparse.Namespace) -> Iterator[str]:
    """What a channel really sent: the record of a notification or of a dead letter, opened with the key."""
    client, keys = store_of(arguments), settings_of(arguments).keys
    record = shown(client, keys, arguments.id)
    yield record.decode("utf-8", "replace") if arguments.raw else legible(record, decrypting(client, keys))


def _share(text: str) -> tuple[str, int]:
    document, _, amount = text.rpartition("=")
    if not document:
        raise ValueError(f"{text!r} is no DOCUMENT=AMOUNT")
    return document, _amount(amount)


def _amount(text: str) -> int:
    amount = parse_payable(text)
    if amount <= 0:
        raise ValueError(f"{text!r} is not more than nothing")
    return amount


def _telling(what: Callable[[argparse.Namespace], Iterator[str]]) -> Run:
    """A command that says lines."""

    def run(arguments: argparse.Namespace) -> int:
        sys.stdout.writelines(f"{line}\n" for line in what(arguments))
        return 0

    run.__doc__ = what.__doc__
    return safely(run)


def _deciding(what: Callable[[argparse.Namespace], PaymentDecided]) -> Run:
    """A command that sends a decision, and says what holds when a lane has taken it; exit code 1 when none has."""

    def run(arguments: argparse.Namespace) -> int:
        made = what(arguments)
        people.send(settings_of(arguments), made)
        taken, (state, *holds) = became(store_of(arguments), made, arguments.wait)
        sys.stdout.write(f"decided: {made.id}  {state}\n")
        sys.stdout.writelines(f"  {line}\n" for line in holds)
        return 0 if taken else 1

    run.__doc__ = what.__doc__
    return safely(run)


def add(command: Command) -> None:
    """exceptions, match, evidence."""
    user = os.environ.get("USER", "")
    one = command("exceptions", _telling(exceptions))
    parts = one.add_subparsers(metavar="PART")
    part = parts.add_parser("list", help=list_.__doc__)
    part.add_argument(
        "--kind", default="", choices=tuple(EXCEPTION), metavar="KIND", help=", ".join(EXCEPTION)
    )
    part.add_argument("--group", default="")
    part.add_argument("--owner", default="", choices=("cashier", "finance"), help="who looks at it")
    part.add_argument("--ignored", action="store_true", help="those that sleep, too")
    part.add_argument("--accepted", action="store_true", help="those that were accepted as they are, instead")
    part.add_argument(
        "--older-than", default="0m", metavar="TIME", help="open for so long at least: 30m, 12h, 2d"
    )
    part.add_argument("--limit", type=int, default=LIMIT, help="the worst and oldest so many")
    one.set_defaults(kind="", group="", owner="", ignored=False, accepted=False, older_than="0m", limit=LIMIT)
    part = parts.add_parser("decisions", help=decisions.__doc__)
    part.add_argument("--group", default="")
    part.set_defaults(run=_telling(decisions))
    part = parts.add_parser("show", help=show.__doc__)
    part.add_argument("id", help="of an exception or a decision")
    part.set_defaults(run=_telling(show))
    part = parts.add_parser("resolve", help=resolve.__doc__, description=resolve.__doc__)
    part.add_argument("id", help="of an exception; or a payment (its number alone will do) or a document")
    how = part.add_mutually_exclusive_group(required=True)
    how.add_argument(
        "--match",
        action="append",
        metavar="DOCUMENT=AMOUNT",
        help="the payment is for this. Of a "
        "payout that has not come, or of what went back beyond what was paid: PAYMENT=AMOUNT, what came of it",
    )
    how.add_argument(
        "--write-off",
        metavar="AMOUNT",
        help="so much of the document is given up, in the place of what was before",
    )
    how.add_argument(
        "--refund",
        nargs="?",
        const="",
        metavar="AMOUNT",
        help="so much of the payment has to go back; without an amount what is asked about of it, else all",
    )
    how.add_argument(
        "--accept",
        metavar="AMOUNT",
        help="登记认可: it is accepted as it is; its amount, as list shows it. Of what no match, write-off or refund "
        f"answers: {', '.join(kind for kind, advice in ADVICE.items() if advice.accept)}",
    )
    how.add_argument("--ignore-until", type=day, metavar="DAY")
    part.add_argument("--document", default="", help="write-off: left out: the exception's")
    part.add_argument("--by", default=user, help="who decides")
    part.add_argument("--reason", default="", help="--accept and --write-off need one")
    part.add_argument("--wait", type=float, default=20, help="seconds until a lane has taken it, at most")
    part.set_defaults(run=_deciding(resolve))
    for name, what in (("approve", agree), ("withdraw", withdraw)):
        part = parts.add_parser(name, help=what.__doc__)
        part.add_argument("id", help="the decision's")
        part.add_argument("--by", default=user, help="who decides")
        part.add_argument("--reason", default="", help="withdraw needs one")
        part.add_argument("--wait", type=float, default=20, help="seconds until a lane has taken it, at most")
        part.set_defaults(run=_deciding(what))
    one = command("match", _telling(explain))
    one.add_argument("what", choices=("explain",))
    one.add_argument("payment", help="channel/merchant/kind/number")
    one = command("evidence", _telling(evidence))
    one.add_argument("id", help="of a notification (payments show tells it) or of a dead letter")
    one.add_argument(
        "--raw", action="store_true", help="the record as it lies in Kafka, with its body in base64"
    )
