"""What can happen between owing and paying: each story is a function of a case, with its share of all."""

from collections.abc import Callable

import msgspec

from schemas.money import FEN, YUAN
from schemas.payments import DueKind, Payment, Receivable, Share, exception_id
from schemas.times import DAY
from sources.network.paying.case import ACCOUNTANT, CASHIER, Billed, Case, Spoiled
from sources.network.paying.merchants import ALIPAY, APPS, BANK, CENTRE, HEADQUARTERS, OTHER, UNIONPAY, WECHAT

SOLD: dict[str, tuple[DueKind, ...]] = {
    CENTRE: ("order", "contract", "statement"),
    HEADQUARTERS: ("consignment", "order", "statement"),
}
"""What each group is owed for."""
OUTLETS = ("110100-001", "120100-001", "310100-001", "440100-001")
"""Some that every simulated network has."""
ALONE = 1_000 * YUAN
"""About so much one person decides alone (`matching.toml`); about more another one has to agree."""


PARTS = 45
"""Parts of one contract: too many to try all groups of them."""


def _due(case: Case, amount: int, references: tuple[str, ...] = ()) -> Receivable:
    """Something of the group's, of an amount in fen."""
    kind = case.r.choice(SOLD[case.group])
    return case.due(kind, amount, references=references, days=0 if kind == "order" else 30)


def _app(case: Case) -> str:
    return case.r.choice(APPS)


def _typed(document: str) -> str:
    """A number as someone mistypes it."""
    digits = document[2:]
    return document[:2] + digits[:-3] + digits[-2] + digits[-3] + str((int(digits[-1]) + 5) % 10)


def plain(case: Case) -> None:
    """One order, paid with its number."""
    amount = case.amount()
    due = _due(case, amount)
    case.pay(_app(case), amount, [due], order=due.document)


def in_parts(case: Case) -> None:
    """One order, paid in two or three parts."""
    parts = [case.amount() for _ in range(case.r.choice((2, 2, 3)))]
    due = _due(case, sum(parts))
    for part in parts:
        case.pay(_app(case), part, order=due.document, minutes=(1, 600), shares={due.document: part})


def first_part(case: Case) -> None:
    """One order of which only a part is paid so far."""
    amount = case.amount() + 200
    due = _due(case, amount)
    case.pay(_app(case), amount // 2, [due], order=due.document)


def over(case: Case) -> None:
    """Someone pays more than is owed."""
    amount = case.amount()
    due = _due(case, amount)
    extra = case.r.choice((100, 500, 1_000, 10_000))
    case.pay(_app(case), amount + extra, [due], order=due.document, exception="amount_over")


def twice(case: Case) -> None:
    """Someone pays the same a second time, a while later."""
    amount = case.amount()
    due = _due(case, amount)
    channel = _app(case)
    case.pay(channel, amount, [due], order=due.document, minutes=(1, 5))
    case.pay(channel, amount, order=due.document, minutes=(90, 150), exception="duplicate_payment")


def combined(case: Case) -> None:
    """Several orders in one payment, by a number that they share."""
    together = f"HB{case.number:010d}"
    amounts = [case.amount() for _ in range(case.r.randint(2, 5))]
    dues = [_due(case, amount, (together,)) for amount in amounts]
    case.pay(_app(case), sum(amounts), dues, order=together)


def together(case: Case) -> None:
    """Several orders in WeChat's cart, each paid by its own number, told by one notification; one may be given back."""
    dues = [_due(case, case.amount()) for _ in range(case.r.randint(2, 4))]
    paid = case.pay_together(dues)
    if case.r.random() < 0.3:
        one, due = paid[-1], dues[-1]
        amount = one.amount_e4 // FEN
        case.refund(one, amount, {due.document: amount})


def in_the_text(case: Case) -> None:
    """A bank transfer with our number in its text, in people's spellings."""
    amount = case.amount()
    due = _due(case, amount)
    wide = "".join(chr(ord(one) + 0xFEE0) for one in due.document)
    text = case.r.choice(
        (
            f"付{due.document}运费",
            f"{due.document[:2]}-{due.document[2:]} 货款",
            due.document.lower(),
            f"仓储费({due.document})",
            wide,
        )
    )
    case.pay(BANK, amount, [due], text=text, known=case.r.random() < 0.5)


def several_in_the_text(case: Case) -> None:
    """A bank transfer for several orders, which its text names."""
    amounts = [case.amount() for _ in range(case.r.randint(2, 4))]
    dues = [_due(case, amount) for amount in amounts]
    case.pay(BANK, sum(amounts), dues, text="、".join(due.document for due in dues), known=True)


def by_payer(case: Case) -> None:
    """A bank transfer without any number, from an account that we know, of what its owner owes."""
    amount = case.amount()
    due = case.due("statement", amount, days=30)
    case.pay(BANK, amount, [due], text=case.r.choice(("货款", "仓储费", "")), known=True)


def merged_by_payer(case: Case) -> None:
    """The same, for two statements together."""
    amounts = [case.amount() for _ in range(2)]
    dues = [case.due("statement", amount, days=30) for amount in amounts]
    case.pay(BANK, sum(amounts), dues, text="货款", known=True, minutes=(60, 300))


def wrong_number(case: Case) -> None:
    """A transfer by a stranger whose number is mistyped: nobody can know what it is for."""
    _mistyped(case, case.amount(), "unknown_payment")


def unknown(case: Case) -> None:
    """Money for nothing that we know of."""
    case.pay(case.r.choice((BANK, OTHER)), case.amount(), text="转账", exception="unknown_payment")


def only_in_the_bill(case: Case) -> None:
    """A payment whose notification never comes."""
    amount = case.amount()
    due = _due(case, amount)
    case.pay(_app(case), amount, [due], order=due.document, told=False)


def over_in_the_bill(case: Case) -> None:
    """More than is owed, and its notification never comes."""
    amount = case.amount()
    due = _due(case, amount)
    case.pay(_app(case), amount + 500, [due], order=due.document, told=False, exception="amount_over")


def given_back(case: Case) -> None:
    """Paid, then refunded as a whole."""
    amount = case.amount()
    due = _due(case, amount)
    paid = case.pay(_app(case), amount, [due], order=due.document)
    case.refund(paid, amount, {due.document: amount})


def partly_given_back(case: Case) -> None:
    """Paid, then refunded in part, sometimes twice."""
    amount = case.amount() + 400
    due = _due(case, amount)
    paid = case.pay(_app(case), amount, [due], order=due.document)
    for _ in range(case.r.choice((1, 1, 2))):
        part = case.r.randint(1, amount // 3)
        case.refund(paid, part, {due.document: part})


def given_back_first(case: Case) -> None:
    """The refund is told before its payment."""
    amount = case.amount()
    due = _due(case, amount)
    paid = case.pay(_app(case), amount, [due], order=due.document)
    case.refund(paid, amount // 2, {due.document: amount // 2}, before=True)


def refund_in_the_bill(case: Case) -> None:
    """A refund whose payment was never told: only a bill can tell what it takes back."""
    amount = case.amount() + 100
    due = _due(case, amount)
    paid = case.pay(_app(case), amount, [due], order=due.document, told=False)
    case.refund(
        paid,
        amount // 2,
        {due.document: amount // 2},
        decidable=case.billed,
    )


def refund_of_nothing(case: Case) -> None:
    """A refund of a payment that nobody has ever heard of, and that no bill has."""
    case.refund(case.unheard(_app(case), case.amount()), case.amount(), exception="refund_orphan")


def refund_too_large(case: Case) -> None:
    """More is given back than was paid."""
    amount = case.amount()
    due = _due(case, amount)
    paid = case.pay(_app(case), amount, [due], order=due.document)
    case.refund(paid, amount + 100, {due.document: amount}, exception="refund_over")


def taken_back(case: Case) -> None:
    """The channel takes a payment back: its payer has disputed it."""
    amount = case.amount()
    due = _due(case, amount)
    paid = case.pay(OTHER, amount, [due], order=due.document)
    case.refund(paid, amount, {due.document: amount}, kind="chargeback")


def taken_and_given_back(case: Case) -> None:
    """The channel takes a payment back, and the dispute is won: the document is paid again."""
    amount = case.amount()
    due = _due(case, amount)
    paid = case.pay(OTHER, amount, [due], order=due.document)
    taken = case.refund(paid, amount, {due.document: amount}, kind="chargeback")
    case.win(taken, {due.document: amount})


def pending(case: Case) -> None:
    """The channel says that the money is still on its way, and never that it came: its bill has it."""
    amount = case.amount()
    due = _due(case, amount)
    case.pay(WECHAT, amount, [due], order=due.document, state="pending")


def told_otherwise(case: Case) -> None:
    """A payment is told a second time, as another payer's."""
    amount = case.amount()
    due = _due(case, amount)
    paid = case.pay(_app(case), amount, [due], order=due.document, exception="conflicting_states")
    case.tell_again(paid, payer=case.stranger(paid.channel))


def agreed_with_the_channel(case: Case) -> None:
    """The same, and the channel confirms it: a person accepts it as it is; much money needs another one."""
    amount = case.amount()
    due = _due(case, amount)
    paid = case.pay(_app(case), amount, [due], order=due.document)
    case.tell_again(paid, payer=case.stranger(paid.channel))
    asked = exception_id(case.group, "conflicting_states", paid.key)
    said = case.decide("accept", 1, exception=asked, amount_e4=paid.amount_e4, reason="渠道确认无误")
    if paid.amount_e4 > ALONE:
        case.decide("approve", 2, ACCOUNTANT, of=said.id)


def too_little(case: Case) -> None:
    """Less than an order that may not be paid in parts: people are asked, and the order stays open."""
    amount = case.amount() + 200
    due = case.due("order", amount, partial=False)
    case.pay(_app(case), amount - 100, [due], order=due.document, decidable=False, exception="amount_under")


def equal_amounts(case: Case) -> None:
    """A transfer of the amount of either of two statements of its payer."""
    case.payer = case.payer_apart
    amount = case.amount()
    dues = [case.due("statement", amount, days=30) for _ in range(2)]
    case.pay(
        BANK,
        amount,
        dues[:1],
        text="货款",
        known=True,
        minutes=(60, 300),
        decidable=False,
        exception="ambiguous",
    )


def too_many(case: Case) -> None:
    """A transfer for some of very many parts of one contract: more groups come into question than anyone can try."""
    contract = f"KJ{case.number:010d}"
    party = f"CT{case.number:06d}"
    amounts = [case.amount() for _ in range(PARTS)]
    dues = [case.due("contract", amount, references=(contract,), party=party) for amount in amounts]
    case.pay(
        BANK,
        sum(amounts[::5]),
        dues[::5],
        text=f"合同{contract}",
        minutes=(400, 900),
        decidable=False,
        exception="too_complex",
    )


def _mistyped(case: Case, amount: int, exception: str) -> tuple[Payment, Receivable]:
    """A transfer whose number is mistyped, and what it was meant for."""
    due = _due(case, amount)
    paid = case.pay(
        BANK,
        amount,
        [due],
        text=_typed(due.document),
        minutes=(200, 900),
        decidable=not exception,
        exception=exception,
    )
    return paid, due


def misread(case: Case) -> None:
    """A person takes the mistyped number for the order's: the match finds none, and people are asked about it."""
    paid, due = _mistyped(case, min(case.amount(), ALONE // FEN), "unknown_payment")
    share = Share(paid.key, _typed(due.document), paid.amount_e4)
    asked = exception_id(case.group, "unknown_payment", paid.key)
    case.decide("match", 1, exception_of="decision_idle", shares=(share,), exception=asked)


def found_out(case: Case) -> None:
    """A person finds out what a transfer is for; about much money another person has to agree."""
    amount = case.amount()
    paid, due = _mistyped(case, amount, "")
    said = _match(case, paid, due)
    if paid.amount_e4 > ALONE:
        case.decide("approve", 2, ACCOUNTANT, of=said)


def not_agreed_to(case: Case) -> None:
    """A person decides about much money, and agrees to it himself: it waits for another person."""
    paid, due = _mistyped(case, case.amount() + ALONE // FEN, "unknown_payment")
    said = _match(case, paid, due)
    case.decide("approve", 1, CASHIER, of=said)


def thought_better_of(case: Case) -> None:
    """A person gives a stranger's money to some order, and takes that back."""
    due = _due(case, case.amount())
    paid = case.pay(BANK, case.amount(), text="转账", exception="unknown_payment")
    said = _match(case, paid, due)
    case.decide("withdraw", 1, of=said, reason="认错了人")


def has_to_go_back(case: Case) -> None:
    """Money for nothing that we know of: a person decides that it goes back, and nobody is asked any more."""
    amount = case.amount()
    paid = case.pay(BANK, amount, text="转账")
    said = case.decide(
        "refund",
        1,
        payment=paid.key,
        amount_e4=paid.amount_e4,
        exception=exception_id(case.group, "unknown_payment", paid.key),
    )
    if paid.amount_e4 > ALONE:
        case.decide("approve", 1, ACCOUNTANT, of=said.id)


def given_up(case: Case) -> None:
    """A small rest is written off."""
    amount, rest = case.amount(), case.r.randint(1, 5_000)
    due = _due(case, amount + rest)
    case.pay(_app(case), amount, [due], order=due.document)
    case.decide("write_off", 24, document=due.document, amount_e4=rest * FEN, reason="尾差")


def put_off(case: Case) -> None:
    """Money for nothing that we know of, about which nobody wants to be asked for a month."""
    paid = case.pay(OTHER, case.amount(), text="转账", exception="unknown_payment")
    asked = exception_id(case.group, "unknown_payment", paid.key)
    case.decide("ignore", 1, exception=asked, until=case.at + 30 * DAY)


def _match(case: Case, paid: Payment, due: Receivable) -> str:
    """A person decides that a payment is for a due; the decision's id."""
    share = Share(paid.key, due.document, min(paid.amount_e4, due.amount_e4))
    asked = exception_id(case.group, "unknown_payment", paid.key)
    return case.decide("match", 1, shares=(share,), exception=asked).id


def cancelled(case: Case) -> None:
    """An order that is cancelled and paid all the same."""
    amount = case.amount()
    due = _due(case, amount)
    case.cancel(due, 5)
    case.pay(_app(case), amount, order=due.document, minutes=(400, 500), exception="cancelled_paid")


def foreign(case: Case) -> None:
    """Paid in another currency."""
    amount = case.amount()
    due = _due(case, amount)
    case.pay(OTHER, amount, order=due.document, currency="USD", exception="currency_mismatch")


def invoice(case: Case) -> None:
    """A carrier's invoice that we pay through the bank, with our own number."""
    amount = case.amount()
    due = case.due("invoice", amount, direction="out", party=f"CY{case.payer:04d}", days=15)
    case.pay(BANK, amount, [due], order=due.document, text="承运费", direction="out", minutes=(30, 900))


def top_up(case: Case) -> None:
    """An outlet tops up its virtual account and orders on account, sometimes more than it has; or it cancels. Now and
    then a customer who has no account orders so, too: that waits for somebody who looks at it."""
    case.group = HEADQUARTERS
    amount = case.r.randint(1, 50) * 10_000
    due = case.due("topup", amount, party=case.r.choice(OUTLETS))
    case.pay(_app(case), amount, [due], order=due.document, minutes=(1, 20))
    bought = case.due("order", case.r.randint(1, 3 * amount), party=due.party, settle="account")
    if case.r.random() < 0.2:
        case.cancel(bought, case.r.randint(5, 300))
    if case.r.random() < 0.2:
        case.due("order", amount, settle="account")


def _spoiled(how: Spoiled) -> "Story":
    def story(case: Case) -> None:
        amount = case.amount()
        due = _due(case, amount)
        case.pay(case.r.choice(SPOILED[how]), amount, [due], order=due.document, spoiled=how)

    return story


def _billed(how: Billed) -> "Story":
    def story(case: Case) -> None:
        amount = case.amount()
        due = _due(case, amount)
        case.pay(case.r.choice(BILLED[how]), amount, [due], order=due.document, billed=how)

    return story


def paid_out(case: Case) -> None:
    """The till pays out what it has taken, and the bank credits it."""
    case.pay_out(case.amount(), "credit")


def paid_out_in_vain(case: Case) -> None:
    """The till pays out, and the bank never has it."""
    case.pay_out(case.amount(), "")


def paid_out_and_back(case: Case) -> None:
    """The till pays out, and the money comes back to it."""
    case.pay_out(case.amount(), "back")


def back_without_a_name(case: Case) -> None:
    """The same, and the till does not say what it is that came back."""
    case.pay_out(case.amount(), "nameless")


def bank_charge(case: Case) -> None:
    """The bank takes a fee that belongs to no trade."""
    case.charge(BANK, case.r.choice((100, 500, 1_000)))


Story = Callable[[Case], None]

BILLED: dict[Billed, tuple[str, ...]] = {
    "short": (WECHAT, ALIPAY),
    "bill_amount": APPS,
    "bill_duplicate": APPS,
    "bill_fee": (WECHAT, ALIPAY, UNIONPAY),
    "bill_currency": (BANK, OTHER),
    "bill_status": (BANK, OTHER),
}
"""What may be wrong with a payment in its bill, and in whose: the first have the fewest days of grace, others tell
fees, currencies or what failed."""
SPOILED: dict[Spoiled, tuple[str, ...]] = {
    "forged": APPS,
    "altered": APPS,
    "unknown_key": (WECHAT, ALIPAY, OTHER),
    "stranger": APPS,
    "stale": APPS,
    "truncated": APPS,
}
"""What may be wrong with a notification, and with whose: UnionPay's do not name their key."""


class Shared(msgspec.Struct, frozen=True):
    """A story, its name for people, and how often it happens among all."""

    label: str
    share: float
    tell: Story


STORIES: dict[str, Shared] = {
    "plain": Shared("按单号支付", 50, plain),
    "in_parts": Shared("分次支付", 4, in_parts),
    "first_part": Shared("部分支付", 2, first_part),
    "over": Shared("多付", 2, over),
    "twice": Shared("重复支付", 2, twice),
    "combined": Shared("合并支付", 4, combined),
    "together": Shared("微信合单", 3, together),
    "in_the_text": Shared("附言中有单号", 6, in_the_text),
    "several_in_the_text": Shared("附言中有多个单号", 2, several_in_the_text),
    "by_payer": Shared("按付款方", 4, by_payer),
    "merged_by_payer": Shared("付款方合并付款", 2, merged_by_payer),
    "wrong_number": Shared("单号写错", 1, wrong_number),
    "unknown": Shared("不明来款", 1, unknown),
    "only_in_the_bill": Shared("缺少通知", 1.5, only_in_the_bill),
    "over_in_the_bill": Shared("缺少通知而多付", 0.5, over_in_the_bill),
    "given_back": Shared("全额退款", 2, given_back),
    "partly_given_back": Shared("部分退款", 2, partly_given_back),
    "given_back_first": Shared("退款先到", 1, given_back_first),
    "refund_in_the_bill": Shared("原支付只在账单", 1, refund_in_the_bill),
    "refund_of_nothing": Shared("退款单边", 0.5, refund_of_nothing),
    "refund_too_large": Shared("退款过多", 0.8, refund_too_large),
    "taken_back": Shared("拒付", 1, taken_back),
    "taken_and_given_back": Shared("拒付申诉成功", 0.5, taken_and_given_back),
    "pending": Shared("状态未更新", 0.7, pending),
    "told_otherwise": Shared("通知前后不符", 0.5, told_otherwise),
    "agreed_with_the_channel": Shared("登记认可", 0.5, agreed_with_the_channel),
    "too_little": Shared("不可分付而少付", 0.7, too_little),
    "equal_amounts": Shared("同额单据", 0.7, equal_amounts),
    "too_many": Shared("合同分期过多", 0.2, too_many),
    "misread": Shared("人工核销写错单号", 0.3, misread),
    "found_out": Shared("人工核销", 1, found_out),
    "not_agreed_to": Shared("待他人复核", 0.5, not_agreed_to),
    "thought_better_of": Shared("撤回裁决", 0.5, thought_better_of),
    "has_to_go_back": Shared("裁决退回", 1, has_to_go_back),
    "given_up": Shared("尾差核减", 1, given_up),
    "put_off": Shared("暂缓处理", 0.5, put_off),
    "cancelled": Shared("已取消仍付款", 1, cancelled),
    "foreign": Shared("外币支付", 0.5, foreign),
    "top_up": Shared("网点充值", 3, top_up),
    "invoice": Shared("支付承运商发票", 3, invoice),
    "paid_out": Shared("提现到账", 0.5, paid_out),
    "paid_out_in_vain": Shared("提现未到账", 0.3, paid_out_in_vain),
    "paid_out_and_back": Shared("提现退回", 0.3, paid_out_and_back),
    "back_without_a_name": Shared("提现退回未写明", 0.2, back_without_a_name),
    "bank_charge": Shared("账户手续费", 0.5, bank_charge),
    **{f"billed_{how}": Shared("账单有误", 0.2, _billed(how)) for how in BILLED},
    **{how: Shared("无效通知", 1.0, _spoiled(how)) for how in SPOILED},
}
