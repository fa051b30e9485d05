"""Bills as channels write them, from what happened: for the simulated network and for tests.

`WRITERS` has a function for each format of `sources.bills.formats` that is not a table; they give the file's bytes
piece by piece. A line's `payer` is the raw identifier here. Amounts come out as the channel writes them.
"""

import gzip
import io
import zipfile
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime

from schemas.money import FEN, yuan
from schemas.payments import BillLine
from schemas.times import SECOND, SHANGHAI_OFFSET
from sources.bills.unionpay import FIELDS

WECHAT_HEADER = (
    "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,代金券金额,"
    "微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注"
)
WECHAT_TOTALS = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"
FUND_HEADER = (
    "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额(元),账户结余(元),"
    "资金变更提交申请人,备注,业务凭证号"
)
FUND_TOTALS = "资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额"
ALIPAY_HEADER = (
    "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,对方账户,订单金额（元）,商家实收（元）,"
    "支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,券核销金额（元）,券名称,商家红包消费金额（元）,卡消费金额（元）,"
    "退款批次号/请求号,服务费（元）,分润（元）,备注"
)
_REFUND_STATES = {"success": "SUCCESS", "failed": "FAIL", "pending": "PROCESSING", "closed": "FAIL"}
Writer = Callable[[Iterable[BillLine], str, date], Iterator[bytes]]


def wechat_trade(lines: Iterable[BillLine], account: str, _day: date) -> Iterator[bytes]:
    """WeChat Pay's trade bill, not packed."""
    yield f"{WECHAT_HEADER}\r\n".encode()
    count = paid = back = fees = 0
    for line in lines:
        amount, fee = yuan(line.amount_e4), f"{yuan(line.fee_e4)}000"
        refunds = line.kind == "refund"
        count, fees = count + 1, fees + line.fee_e4
        paid, back = paid + (0 if refunds else line.amount_e4), back + (line.amount_e4 if refunds else 0)
        state = "REFUND" if refunds else "SUCCESS" if line.state == "success" else "REVOKED"
        cells = (
            *(
                _local(line.time),
                "wx0000000000000001",
                account,
                "0",
                "",
                line.original if refunds else line.number,
            ),
            *(
                line.order,
                line.payer,
                "JSAPI",
                state,
                "OTHERS",
                line.currency,
                "0.00" if refunds else amount,
                "0.00",
            ),
            *(
                (line.number, f"R{line.order}", amount, "0.00", "ORIGINAL", _REFUND_STATES[line.state])
                if refunds
                else ("0", "0", "0.00", "0.00", "", "")
            ),
            *(
                "运费",
                line.text,
                fee,
                "0.60%",
                "0.00" if refunds else amount,
                amount if refunds else "0.00",
                "",
            ),
        )
        yield f"`{',`'.join(cells)}\r\n".encode()
    sums = (str(count), yuan(paid), yuan(back), "0.00", f"{yuan(fees)}000", yuan(paid), yuan(back))
    yield f"{WECHAT_TOTALS}\r\n`{',`'.join(sums)}\r\n".encode()


def wechat_fund(lines: Iterable[BillLine], _account: str, _day: date) -> Iterator[bytes]:
    """WeChat Pay's fund-flow bill, not packed: fees in rows of their own."""
    yield f"{FUND_HEADER}\r\n".encode()
    counts, sums, balance = {"收入": 0, "支出": 0}, {"收入": 0, "支出": 0}, 0
    words = {"payment": "交易", "refund": "退款", "transfer": "提现", "chargeback": "退款"}
    for line in lines:
        comes = line.direction == "in"
        rows = [(words[line.kind], comes, line.amount_e4)]
        if line.fee_e4:
            rows.append(
                ("扣除交易手续费" if line.fee_e4 > 0 else "交易手续费退款", line.fee_e4 < 0, abs(line.fee_e4))
            )
        for word, adds, units in rows:
            way = "收入" if adds else "支出"
            counts[way] += 1
            sums[way] += units
            balance += units if adds else -units
            cells = (
                *(
                    _local(line.time),
                    line.number,
                    f"{line.number}{counts[way]}",
                    word,
                    word,
                    way,
                    yuan(units),
                ),
                *(yuan(balance), "system", line.text, line.order),
            )
            yield f"`{',`'.join(cells)}\r\n".encode()
    ends = (
        str(sum(counts.values())),
        str(counts["收入"]),
        yuan(sums["收入"]),
        str(counts["支出"]),
        yuan(sums["支出"]),
    )
    yield f"{FUND_TOTALS}\r\n`{',`'.join(ends)}\r\n".encode()


def packed(pieces: Iterable[bytes]) -> bytes:
    """The same with gzip, as WeChat Pay sends it."""
    return gzip.compress(b"".join(pieces), mtime=0)


def alipay(lines: Iterable[BillLine], account: str, day: date) -> Iterator[bytes]:
    """Alipay's ZIP: names and texts in GBK, names without the flag that would say UTF-8."""
    text = io.StringIO()
    begin = day.strftime("%Y年%m月%d日")
    text.write(
        f"#支付宝业务明细查询\r\n#账号：[{account}]\r\n#起始日期：[{begin} 00:00:00]   终止日期：[{begin} 23:59:59]\r\n"
    )
    text.write(f"#{'-' * 20}业务明细列表{'-' * 20}\r\n{ALIPAY_HEADER}\r\n")
    counts, sums = {"交易": 0, "退款": 0}, {"交易": 0, "退款": 0}
    for line in lines:
        refunds = line.kind == "refund"
        word, units = ("退款", -line.amount_e4) if refunds else ("交易", line.amount_e4)
        counts[word] += 1
        sums[word] += units
        number, _, request = line.number.partition("/")
        when, amount = _local(line.time), yuan(units)
        cells = (
            *(
                f"{number}\t",
                f"{line.order}\t",
                word,
                line.text,
                when,
                when,
                "",
                "",
                "",
                "",
                "*某(138****0000)\t",
            ),
            *(amount, amount, "0.00", "0.00", "0.00", "0.00", "0.00", "", "0.00", "0.00", f"{request}\t"),
            *(yuan(-line.fee_e4), "0.00", ""),
        )
        text.write(",".join(cells) + "\r\n")
    text.write(f"#{'-' * 20}业务明细列表结束{'-' * 20}\r\n")
    text.write(f"#交易合计：{counts['交易']}笔，商家实收共{yuan(sums['交易'])}元，商家优惠共0.00元\r\n")
    text.write(
        f"#退款合计：{counts['退款']}笔，商家实收退款共{yuan(sums['退款'])}元，商家优惠退款共0.00元\r\n"
    )
    text.write(f"#导出时间：[{begin} 23:59:59]\r\n")
    name = f"{account}_{day:%Y%m%d}"
    yield zipped({f"{name}_业务明细.csv": text.getvalue(), f"{name}_业务明细(汇总).csv": "#汇总\r\n"})


def zipped(entries: dict[str, str]) -> bytes:
    """A ZIP whose names and contents are GBK. Stand-ins keep their places: zipfile would write UTF-8."""
    whole = io.BytesIO()
    names = [name.encode("gb18030") for name in entries]
    stand_ins = [f"{index:_>{len(name)}}" for index, name in enumerate(names)]
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for stand_in, content in zip(stand_ins, entries.values(), strict=True):
            archive.writestr(zipfile.ZipInfo(stand_in), content.encode("gb18030"), zipfile.ZIP_DEFLATED)
    raw = whole.getvalue()
    for stand_in, name in zip(stand_ins, names, strict=True):
        raw = raw.replace(stand_in.encode(), name)
    return raw


def unionpay(lines: Iterable[BillLine], account: str, _day: date) -> Iterator[bytes]:
    """UnionPay's ZM file. The account in it is masked, as UnionPay does it."""
    for index, line in enumerate(lines, 1):
        refunds = line.kind == "refund"
        fee = "C" if line.fee_e4 < 0 else "D"
        said = {
            "交易代码": "S30" if refunds else "S22",
            "系统跟踪号": f"{index % 1_000_000:06d}",
            "交易传输时间": _moment(line.time).strftime("%m%d%H%M%S"),
            "账号": "621700******0000",
            "交易金额": f"{line.amount_e4 // FEN:012d}",
            "查询流水号": line.number,
            "商户订单号": line.order,
            "商户手续费": f"{fee}{abs(line.fee_e4) // FEN:012d}",
            "结算金额": f"{'D' if refunds else 'C'}{line.amount_e4 // FEN:012d}",
            "原交易查询流水号": line.original,
            "商户代码": account,
            "商户自定义域": line.text,
        }
        fields = [_wide(said.get(name, ""), width) for name, width in FIELDS]
        yield b" ".join(fields) + b"\r\n"


def _wide(text: str, width: int) -> bytes:
    return text.encode("gbk")[:width].ljust(width)


def mt940(lines: Iterable[BillLine], account: str, day: date, opening: int = 0) -> Iterator[bytes]:
    """A statement as MT940."""
    yield f":20:{day:%Y%m%d}\r\n:25:{account}\r\n:28C:1/1\r\n:60F:{_balance(opening, day)}\r\n".encode()
    balance = opening
    for line in lines:
        comes = line.direction == "in"
        balance += line.amount_e4 if comes else -line.amount_e4
        mark = ("C" if comes else "D") if line.kind != "chargeback" else ("RD" if comes else "RC")
        amount, when = yuan(line.amount_e4).replace(".", ","), _moment(line.time)
        yield f":61:{when:%y%m%d}{when:%m%d}{mark}{amount}NTRF{line.order or 'NONREF'}//{line.number}\r\n".encode()
        yield f":86:{line.text}\r\n".encode()
    yield f":62F:{_balance(balance, day)}\r\n-\r\n".encode()


def _balance(units: int, day: date) -> str:
    return f"{'C' if units >= 0 else 'D'}{day:%y%m%d}CNY{yuan(abs(units)).replace('.', ',')}"


def camt053(lines: Iterable[BillLine], account: str, day: date, opening: int = 0) -> Iterator[bytes]:
    """A statement as camt.053."""
    entries: list[str] = []
    balance = opening
    for line in lines:
        comes = line.direction == "in"
        balance += line.amount_e4 if comes else -line.amount_e4
        other = "Dbtr" if comes else "Cdtr"
        account_of = f"<Id><Othr><Id>{_escaped(line.payer)}</Id></Othr></Id>"
        party = f"<RltdPties><{other}Acct>{account_of}</{other}Acct></RltdPties>"
        entries.append(
            f'<Ntry><Amt Ccy="{line.currency}">{yuan(line.amount_e4)}</Amt>'
            f"<CdtDbtInd>{'CRDT' if comes else 'DBIT'}</CdtDbtInd>"
            f"<RvslInd>{'true' if line.kind == 'chargeback' else 'false'}</RvslInd><Sts><Cd>BOOK</Cd></Sts>"
            f"<BookgDt><DtTm>{_local(line.time).replace(' ', 'T')}+08:00</DtTm></BookgDt>"
            f"<AcctSvcrRef>{_escaped(line.number)}</AcctSvcrRef><NtryDtls><TxDtls><Refs><EndToEndId>"
            f"{_escaped(line.order) or 'NOTPROVIDED'}</EndToEndId></Refs>{party if line.payer else ''}"
            f"<RmtInf><Ustrd>{_escaped(line.text)}</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>"
        )
    yield b'<?xml version="1.0" encoding="UTF-8"?><Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08">'
    yield f"<BkToCstmrStmt><Stmt><Acct><Id><Othr><Id>{account}</Id></Othr></Id></Acct>".encode()
    yield "".join(_named_balance(*one, day) for one in (("OPBD", opening), ("CLBD", balance))).encode()
    yield f"<TxsSummry><TtlNtries><NbOfNtries>{len(entries)}</NbOfNtries></TtlNtries></TxsSummry>".encode()
    for entry in entries:
        yield entry.encode()
    yield b"</Stmt></BkToCstmrStmt></Document>"


def _named_balance(code: str, units: int, day: date) -> str:
    way = "CRDT" if units >= 0 else "DBIT"
    return (
        f'<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy="CNY">{yuan(abs(units))}</Amt>'
        f"<CdtDbtInd>{way}</CdtDbtInd><Dt><Dt>{day}</Dt></Dt></Bal>"
    )


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _moment(ms: int) -> datetime:
    """A time in Shanghai."""
    return datetime.fromtimestamp((ms + SHANGHAI_OFFSET) // SECOND, UTC)


def _local(ms: int) -> str:
    return _moment(ms).strftime("%Y-%m-%d %H:%M:%S")


WRITERS: dict[str, Writer] = {
    "wechat-trade": wechat_trade,
    "wechat-fund": wechat_fund,
    "alipay": alipay,
    "unionpay-zm": unionpay,
    "mt940": mt940,
    "camt053": camt053,
}
