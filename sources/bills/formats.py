"""The formats that bills come in, by the name that `bills.toml` uses."""

from sources.bills import alipay, camt, mt940, table, unionpay, wechat
from sources.bills.model import Reader

FORMATS: dict[str, Reader] = {
    "wechat-trade": wechat.trade,
    "wechat-fund": wechat.fund,
    "alipay": alipay.trade,
    "unionpay-zm": unionpay.trade,
    "mt940": mt940.statement,
    "camt053": camt.statement,
    "csv": table.table,
    "excel": table.excel,
}
