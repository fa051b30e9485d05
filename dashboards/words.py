"""Names for people: what codes mean in Chinese and English."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from flows.fees import current
from flows.reconciliation.posting import payment_rules
from schemas.events import OPERATIONS
from schemas.money import YUAN
from schemas.reasons import ANOMALY, ANSWER, DEAD_LETTER, EXCEPTION, WAITING
from schemas.times import SHANGHAI_OFFSET


class Labels(dict[str, tuple[str, str]]):
    """Chinese and English by name; the name itself where another version wrote one that is unknown here."""

    def __missing__(self, name: str) -> tuple[str, str]:
        return name, name

    def both(self, name: str) -> str:
        """Chinese, then English."""
        return " ".join(dict.fromkeys(self[name]))


FEES = Labels(
    {
        **current.FEES.labels,
        "withdrawn": ("撤销的理赔或奖惩", "a withdrawn claim"),
        "balance_moved": ("余额转移", "balance moved"),
        "carriage_cost": ("分拨与干线成本", "hub and line-haul cost"),
    }
)
POSTINGS = Labels({name: (rule.zh, rule.en) for name, rule in payment_rules()[0].rules.items()})
"""What stands in the journal where money that came or went is booked."""
MONEY = {
    "posting": "费用 fees",
    "top_up": "充值 top-up",
    "withdraw": "提现 withdrawal",
    "hold": "冻结 hold",
    "release": "解冻 release",
    "capture": "扣款 capture",
    "purchase": "物料采购 purchase",
    "deposit_in": "缴纳保证金 deposit paid",
    "deposit_out": "退还保证金 deposit returned",
    "set_terms": "账户条件 terms",
    "admit": "入库准入 admission",
    "deduct": "自动扣款 deduction",
    "give_back": "退回扣款 deduction given back",
}
"""Commands on virtual accounts, and what is booked for them."""
COMMAND_FIELDS = Labels(
    amount=("金额", "amount"),
    reference=("参考号", "reference"),
    purpose=("用途", "purpose"),
    hold=("冻结号", "hold"),
    item=("物料", "item"),
    quantity=("数量", "quantity"),
    unit_price=("单价", "unit price"),
    kind=("方式", "kind"),
    credit_limit=("授信额度", "credit limit"),
    low_balance=("预警线", "low balance"),
    stay=("入库单", "stay"),
    reply_to=("答复", "reply to"),
)
"""What a command on virtual accounts says, and below the values that are words."""
COMMAND_VALUES = {
    "withdraw": "提现 withdrawal",
    "purchase": "采购 purchase",
    "prepaid": "预付 prepaid",
    "credit": "挂账 on credit",
}
ACCOUNTS = {"cash": "现金账户 cash", "business": "业务账户 business", "deposit": "保证金账户 deposit"}
NOTICES = {"low_balance": "余额低于预警线 low balance", "limit_reached": "授信额度用尽 limit reached"}
PARTIES = {
    "headquarters": "总部 headquarters",
    "province": "省区 province",
    "hub": "分拨中心 hub",
    "outlet": "网点 outlet",
    "contractor": "承包区 sub-contractor",
    "station": "驿站 station",
    "courier": "快递员 courier",
    "customer": "客户 customer",
    "supplier": "供应商 supplier",
    "carrier": "承运商 carrier",
}
LINES = {"earns": "盈利", "loses": "亏损"}
CASES = {
    "opened": ("待裁决", "waits for a decision"),
    "changed": ("待裁决", "waits for a decision"),
    "decided": ("已裁决", "decided"),
    "closed": ("已关闭", "closed"),
}
UNDECIDED = ("opened", "changed")
"""Of a case: nobody has decided it."""
DIFFERED = ("重量不符", "the weights differ")
"""A case of which something has come since."""
TREATMENTS = {
    "charge": ("照计", "charged by the weight that counts"),
    "provisional": ("暂计", "charged provisionally"),
    "wait": ("缓计", "not charged until it is decided"),
}
BREACHES = {
    "open": ("未关闭", "open"),
    "closed": ("已关闭", "closed by a scan"),
    "final": ("定案", "final: the scan never came"),
}
STAYS = {
    "opened": "入库 entry",
    "measured": "计量 measured",
    "reduced": "分批出库 part left",
    "moved": "移库 moved",
    "closed": "出库 exit",
}
"""What happens to goods in a store."""
SHANGHAI = timedelta(milliseconds=SHANGHAI_OFFSET)
REASONS = {**DEAD_LETTER, **ANOMALY, **WAITING, **ANSWER, **EXCEPTION}
ADOPTED = {
    "first": ("首次采信", "the first that may be adopted"),
    "better": ("更可信的称重", "a more trusted weighing"),
    "decided": ("人工裁决", "decided by a person"),
    "deadline": ("期满仍无称重，采信申报重量", "no weighing by the deadline: the declared weight"),
}


RECALLS = {
    "assessed": ("重新计费", "assessed again"),
    "rebuilt": ("调回重新计费", "brought back from the books and assessed again"),
    "joined": ("与前一段合并后重新计费", "joined to its former life and assessed again"),
}


def because(cause: str, publications: Mapping[str, Mapping[str, Any]]) -> str:
    """Why something was corrected: the publication in words, else the event's id."""
    found = publications.get(cause)
    if found is None:
        return cause
    zh, en = ("撤回", "withdrawn") if found["status"] == "withdrawn" else ("发布", "published")
    by = f" {found['by']}" if found["by"] else ""
    return f"价格手册 {found['name']} {zh} {en} {shanghai(found['at'])}{by}, 版本 version {found['version']}"


def claim(row: Mapping[str, Any]) -> tuple[str, str]:
    """What a row of the table `claim` says, in Chinese and English."""
    before, after = _CLAIMS[row["status"]]
    zh, en = FEES[row["kind"]] if row["kind"] else ("", "")
    return f"{before}{zh}", f"{en}{after}".strip()


_CLAIMS = {
    "claimed": ("", ""),
    "withdrawn": ("撤销", "withdrawn"),
    "breached": ("违规定案：", ", by a final breach of the scan chain"),
    "mended": ("补到扫描，撤回", ", no more: the scan has come"),
}


def weight_decision(row: Mapping[str, Any]) -> tuple[str, str]:
    """What a row of the table `weight_decision` says, in Chinese and English.

    >>> weight_decision({"decision": "override", "weight_g": 3000})
    ('改定为 3,000 g', 'it weighs 3,000 g')
    """
    if row["decision"] == "override":
        return f"改定为 {row['weight_g']:,} g", f"it weighs {row['weight_g']:,} g"
    return f"维持事件 {row['weight_event']} 的重量", f"the weight of event {row['weight_event']} stays"


def what(event: dict[str, object]) -> str:
    """An event in Chinese and English."""
    return _EVENTS.both(str(event["operation"] if event["kind"] == "scan" else event["kind"]))


_ENGLISH = (
    *("picked up", "sent", "arrived", "out for delivery", "signed for"),
    *("bagged", "returned", "redirected"),
)
_SCANS = {code: (OPERATIONS[code], english) for code, english in zip(OPERATIONS, _ENGLISH, strict=True)}
_EVENTS = Labels(
    _SCANS,
    order=("下单", "order"),
    weight=("称重", "weight"),
    claim=("理赔奖惩", "claim"),
    claim_withdrawn=("撤销理赔奖惩", "claim withdrawn"),
)


def handover(row: Mapping[str, Any]) -> str:
    """A change of hands of an outlet, or one that was announced and withdrawn."""
    day, party = row["first_day"], row["party"]
    told = f"{day} 起由 {party} 经营: run by it from that day on"
    if row["kind"] == "parties_merged":
        told = f"{day} 起并入 {party}: absorbed by it from that day on"
    return f"{told} （已撤回 withdrawn）" if row["withdrawn"] else told


def movement(row: Mapping[str, Any], asked: Mapping[str, Mapping[str, Any]]) -> str:
    """What a movement on a virtual account is: a fee, or a command with its number and, of a purchase, the goods.

    `asked`: commands by id.
    """
    number = row["command_id"]
    if not number:
        return fee(row["fee"])
    goods = f"{_goods(asked[number]['body'])}  " if row["kind"] == "purchase" and number in asked else ""
    return f"{MONEY[row['kind']]}  {goods}{number}"


def _goods(text: str) -> str:
    said = msgspec.json.decode(text)
    return f"{said['item']} × {said['quantity']:,}"


def fee(name: str) -> str:
    """A fee, or what stands in its place in the journal."""
    if name in POSTINGS:
        return POSTINGS.both(name)
    return FEES.both(name) if name in FEES else MONEY.get(name, name)


def body(text: str) -> str:
    """A command's own fields, as JSON, in words; a document's number, which a deduction has instead, as it is.

    >>> body('{"item":"BAG-L","quantity":20,"unit_price_e4":null}'), body("FR-1")
    ('物料 item BAG-L, 数量 quantity 20', 'FR-1')
    """
    if not text.startswith("{"):
        return text
    said: dict[str, Any] = msgspec.json.decode(text)
    return ", ".join(_field(name, value) for name, value in said.items() if value not in (None, ""))


def _field(name: str, value: object) -> str:
    shown = yuan_of(value) if isinstance(value, int) and name.endswith("_e4") else str(value)
    return f"{COMMAND_FIELDS.both(name.removesuffix('_e4'))} {COMMAND_VALUES.get(shown, shown)}"


def line_between(route: str, provinces: Mapping[str, str]) -> str:
    """A line by the names of the provinces at its ends.

    >>> line_between("440000-350000", {"440000": "广东省", "350000": "福建省"})
    '广东省→福建省'
    """
    return "→".join(provinces.get(code, code) for code in route.split("-"))


def yuan(amount: Decimal | int) -> str:
    """An amount of yuan as the books have it: at least two decimals, four only where they are needed.

    >>> yuan(Decimal("-1234.5000")), yuan(Decimal("1.2525")), yuan(0)
    ('-1,234.50', '1.2525', '0.00')
    """
    text = f"{amount:,.4f}"
    return text[:-2] if text.endswith("00") else text


def yuan_of(units: int) -> str:
    """The same of an amount in units of 0.0001 yuan, as events have it."""
    return yuan(Decimal(units) / YUAN)


FIRST_DAY, LAST_DAY = date(1970, 1, 1), date(2100, 1, 1)
"""Business dates before and after all others: nobody has said from when, or until when."""


def span(first: date, last: date) -> str:
    """Business dates, both ends included.

    >>> span(FIRST_DAY, date(2025, 11, 11))
    '自始 from the beginning … 2025-11-11'
    """
    return f"{'自始 from the beginning' if first <= FIRST_DAY else first} … {until(last)}"


def until(last: date) -> str:
    """The last business date that counts."""
    return "至今 until now" if last >= LAST_DAY else str(last)


def shanghai(time: datetime) -> str:
    """A time of the books (UTC) as people in China read it, to the second."""
    return f"{time + SHANGHAI:%Y-%m-%d %H:%M:%S}"


def aged(minutes: int) -> str:
    """How long something has been open, as commands take it: 30m, 12h, 2d.

    >>> aged(0), aged(59), aged(60), aged(2879), aged(2880)
    ('0m', '59m', '1h', '1d', '2d')
    """
    hours = minutes // 60
    return f"{hours // 24}d" if hours >= 24 else f"{hours}h" if hours else f"{minutes}m"


def readable(raw: object) -> str:
    """Bytes as they came, as far as they are text."""
    return raw.decode(errors="replace") if isinstance(raw, bytes) else str(raw)
