"""What the codes of payments mean, in Chinese and English."""

from dashboards.words import Labels
from flows.reconciliation.judge import ADVICE
from schemas.reasons import EXCEPTION

CHANNEL_NAMES = {
    "wechat": "微信支付",
    "alipay": "支付宝",
    "unionpay": "银联",
    "bank": "银行",
    "other": "其他",
    "transit": "在途",
}
BUCKETS = {
    "current": "未到期",
    "1-30": "1–30 天",
    "31-60": "31–60 天",
    "61-90": "61–90 天",
    "over 90": "90 天以上",
}
NEEDS = {"approval": "待他人复核", "withdrawal": "撤回待他人确认", "refund": "待退款"}
"""What a decision needs, so that it is done."""
SEVERITIES = Labels(high=("高", "high"), medium=("中", "medium"), low=("低", "low"))
OWNERS = Labels(cashier=("出纳", "cashier"), finance=("财务", "finance"))
EXCEPTIONS = Labels({kind: (zh, kind) for kind, zh in EXCEPTION.items()})
ACTIONS = Labels({advice.action: (advice.action, advice.english) for advice in ADVICE.values()})
"""What is suggested, by the words that the books keep."""
EXCEPTION_STATES = Labels(
    opened=("待处理", "open"),
    changed=("待处理，有变化", "open, changed"),
    ignored=("暂缓", "sleeps"),
    accepted=("已认可", "accepted"),
    closed=("已关闭", "closed"),
)
DECISIONS = Labels(
    match=("核销", "match"),
    write_off=("核减", "write off"),
    refund=("退回", "give back"),
    ignore=("暂缓", "ignore"),
    accept=("登记认可", "accept"),
    approve=("复核同意", "approve"),
    withdraw=("撤回", "withdraw"),
)
DECISION_STATES = Labels(
    in_force=("生效", "in force"),
    waiting=("待他人复核", "waits for another person"),
    withdrawing=("撤回待他人确认", "withdrawal waits for another person"),
    withdrawn=("已撤回", "withdrawn"),
    replaced=("已被取代", "replaced by a later one"),
    part_replaced=("部分被取代", "in part replaced by a later one"),
    noted=("已记录", "noted"),
    refused=("被拒绝", "refused"),
)
MOVED = Labels(
    payment=("付款", "payment"),
    refund=("退款", "refund"),
    chargeback=("拒付", "chargeback"),
    transfer=("调拨", "transfer"),
)
"""Kinds of payments."""
WAYS = Labels({"in": ("收", "in"), "out": ("付", "out")})
MONEY_STATES = Labels(
    pending=("待定", "pending"),
    success=("成功", "success"),
    failed=("失败", "failed"),
    closed=("关闭", "closed"),
)
DUES = Labels(
    order=("订单", "order"),
    consignment=("托运单", "consignment"),
    contract=("仓储合同", "contract"),
    statement=("结算单", "statement"),
    invoice=("发票", "invoice"),
    topup=("账户充值", "top-up"),
)
DUE_STATES = Labels(
    told=("登记", "told"),
    cancelled=("已取消", "cancelled"),
    open=("未付", "open"),
    part_paid=("部分已付", "part paid"),
    paid=("已付清", "paid"),
    over_paid=("多付", "over-paid"),
    part_refunded=("部分退款", "part refunded"),
    refunded=("已退款", "refunded"),
)
"""A document's words and statuses."""
SETTLES = Labels(account=("账户扣款", "account"), payment=("须付款", "payment"))
SORTS = Labels(trade=("交易账单", "trade bill"), fund=("资金账单", "fund bill"))
VOUCHERS = Labels(match=("核销", "match"), difference=("差额", "difference"), write_off=("核减", "write-off"))
NEGATIVE = (
    "待核销为负：已付出或退回而未找到单据或原支付的款，多于未核销的来款",
    "suspense below zero: more has gone out than come in of which nobody knows what it is for, as refunds whose "
    "payment has not come or money out without a document",
)
"""Why money in suspense, which is money in less money out, may be negative: said where such a figure is shown."""
OPEN_SUM = (
    "未了事项是各项差异金额之和：一笔款有几项差异的重复计入",
    "open items are the sum of all exceptions: money with several of them counts as often",
)
"""What such a figure is not, where that matters."""
RULES = Labels(
    decided=("人工裁决", "decided"),
    refund=("退款", "refund"),
    chargeback=("拒付", "chargeback"),
    account=("虚拟账户扣款", "account"),
    payout=("渠道提现", "payout"),
    deposit=("渠道充值", "deposit"),
    written_off=("人工核减", "written off"),
)
"""What stands in the place of a matching rule's name."""


def channel_name(channel: str) -> str:
    """A channel's name for people."""
    return CHANNEL_NAMES.get(channel, channel)
