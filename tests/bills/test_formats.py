"""Bills of every format: read back as they were written, and refused with a reason when anything in them is wrong."""

import gzip
import io
import random
import struct
import tracemalloc
import zipfile
from collections import Counter
from collections.abc import Callable
from datetime import date
from typing import cast

import msgspec
import pytest
from openpyxl import Workbook

from schemas.reasons import BILL
from sources.bills.cells import yuan_of
from sources.bills.formats import FORMATS
from sources.bills.gathered import text_of
from sources.bills.model import Asked, BillError, Columns
from sources.network.bills import WRITERS, zipped
from tests.bills.material import CARD, DAY_OF_BILL, HIDING, MIDNIGHT, file_of, lines, read, shaped, source
from tests.volume import TIMES

FORMS = list(WRITERS)


@pytest.mark.parametrize("form", [form for form in FORMS if form != "wechat-fund"])
def test_a_bill_says_what_happened(form: str) -> None:
    """Each line comes back, payers as tokens."""
    given = lines(9)
    assert read(file_of(form, given), source(form)) == shaped(form, given)


def test_a_fund_flow_bill_has_fees_in_rows_of_their_own() -> None:
    """They become lines that move nothing."""
    pay, back = lines(1)
    found = read(file_of("wechat-fund", [pay, back]), source("wechat-fund"))
    assert [(one.kind, one.number, one.amount_e4, one.fee_e4, one.direction) for one in found] == [
        ("payment", pay.number, pay.amount_e4, 0, "in"),
        ("payment", pay.number, 0, pay.fee_e4, "out"),
        ("refund", back.number, back.amount_e4, 0, "out"),
    ]


@pytest.mark.parametrize("form", FORMS)
def test_no_card_number_comes_out_of_a_bill(form: str) -> None:
    """Wherever it stands in the file."""
    for line in read(file_of(form, lines(3, card=True)), source(form)):
        assert CARD not in msgspec.json.encode(line).decode()


@pytest.mark.parametrize("form", FORMS)
def test_a_bill_of_nothing_is_a_bill(form: str) -> None:
    """A day without trades."""
    assert read(file_of(form, []), source(form)) == []


@pytest.mark.parametrize("form", FORMS)
def test_a_bill_that_is_cut_is_refused(form: str) -> None:
    """Wherever it is cut before its last figure."""
    raw = file_of(form, lines(6))
    for end in range(1, len(raw.rstrip(b"-\r\n0")), max(1, len(raw) // 60)):
        with pytest.raises(BillError) as error:
            read(raw[:end], source(form))
        assert error.value.reason in BILL


@pytest.mark.parametrize("form", FORMS)
def test_a_bill_of_someone_else_is_refused(form: str) -> None:
    """Of another merchant; a fund-flow bill does not say whose it is."""
    if form != "wechat-fund":
        with pytest.raises(BillError, match="bill_of_another"):
            read(file_of(form, lines(2)), source(form, number="1900000002"))


@pytest.mark.parametrize("form", [form for form in FORMS if form != "unionpay-zm"])
def test_a_bill_of_another_day_is_refused(form: str) -> None:
    """UnionPay's may have trades of the next morning."""
    with pytest.raises(BillError, match="bill_of_another"):
        read(file_of(form, lines(2)), source(form), date(2025, 11, 13))


BATCH = """<Document><BkToCstmrStmt><Stmt><Id>S-7</Id><StmtPgntn><PgNb>2</PgNb><LastPgInd>true</LastPgInd></StmtPgntn>
<Acct><Id><Othr><Id>1900000001</Id></Othr></Id></Acct>
<Bal><Tp><CdOrPrtry><Cd>OPBD</Cd></CdOrPrtry></Tp><Amt Ccy="CNY">0</Amt><CdtDbtInd>CRDT</CdtDbtInd>
<Dt><Dt>2025-11-11</Dt></Dt></Bal>
<Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp><Amt Ccy="CNY">60</Amt><CdtDbtInd>CRDT</CdtDbtInd>
<Dt><Dt>2025-11-11</Dt></Dt></Bal>
<Ntry><Amt Ccy="CNY">60</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>
<BookgDt><Dt>2025-11-11</Dt></BookgDt><AcctSvcrRef>B-1</AcctSvcrRef><NtryDtls><Btch><NbOfTxs>2</NbOfTxs></Btch>
<TxDtls><Refs><AcctSvcrRef>T-1</AcctSvcrRef><EndToEndId>FR-1</EndToEndId></Refs><Amt Ccy="CNY">20</Amt>
<RltdPties><DbtrAcct><Id><IBAN>P1</IBAN></Id></DbtrAcct></RltdPties><RmtInf><Ustrd>one</Ustrd></RmtInf></TxDtls>
<TxDtls><Refs><AcctSvcrRef>T-2</AcctSvcrRef><EndToEndId>FR-2</EndToEndId></Refs>
<AmtDtls><TxAmt><Amt Ccy="CNY">40.00</Amt></TxAmt></AmtDtls><RmtInf><Ustrd>two</Ustrd></RmtInf></TxDtls>
</NtryDtls></Ntry></Stmt></BkToCstmrStmt></Document>"""
TWO = [("T-1", "FR-1", 200_000, "one"), ("T-2", "FR-2", 400_000, "two")]
WHOLE = [("B-1", "FR-1", 600_000, "one two")]


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("", "", TWO),
        ("T-2", "T-1", [("B-1/1", *TWO[0][1:]), ("B-1/2", *TWO[1][1:])]),
        ("<AcctSvcrRef>T-2</AcctSvcrRef>", "", [("B-1/1", *TWO[0][1:]), ("B-1/2", *TWO[1][1:])]),
        ("40.00", "39.99", WHOLE),
        ('<Amt Ccy="CNY">40.00</Amt>', "", WHOLE),
        ('Ccy="CNY">40.00', 'Ccy="USD">40.00', WHOLE),
        ("<AmtDtls>", "<CdtDbtInd>DBIT</CdtDbtInd><AmtDtls>", WHOLE),
        ("<AmtDtls>", "<CdtDbtInd>CRDT</CdtDbtInd><AmtDtls>", TWO),
    ],
)
def test_an_entry_counts_as_its_transactions_where_these_come_to_it(
    old: str, new: str, found: list[tuple[str, str, int, str]]
) -> None:
    """By the bank's numbers for them, or their places in the entry; or else as one."""
    lines_ = read(BATCH.replace(old, new, 1).encode(), source("camt053"))
    assert [(one.number, one.order, one.amount_e4, one.text) for one in lines_] == found
    assert [bool(one.payer) for one in lines_] == [True, False][: len(found)]


def balanced(number: str, opens: str, closes: str, entries: str = "1") -> str:
    """A statement of 60 yuan that came, with its balances and how many entries it says that it has."""
    text = BATCH[BATCH.index("<Stmt>") : BATCH.index("</Stmt>")].replace("B-1", f"B-{number}")
    text = text.replace("T-", f"T{number}-").replace("S-7", f"S-{number}")
    text = text.replace(
        'OPBD</Cd></CdOrPrtry></Tp><Amt Ccy="CNY">0<', f'OPBD</Cd></CdOrPrtry></Tp><Amt Ccy="CNY">{opens}<'
    )
    text = text.replace(
        'CLBD</Cd></CdOrPrtry></Tp><Amt Ccy="CNY">60<', f'CLBD</Cd></CdOrPrtry></Tp><Amt Ccy="CNY">{closes}<'
    )
    summary = f"<TxsSummry><TtlNtries><NbOfNtries>{entries}</NbOfNtries></TtlNtries></TxsSummry><Ntry>"
    return text.replace("<Ntry>", summary, 1) + "</Stmt>"


@pytest.mark.parametrize(
    ("second", "reason"),
    [
        (balanced("8", "60", "120"), ""),
        (balanced("8", "61", "121"), "bill_total_wrong"),
        (balanced("8", "60", "121"), "bill_total_wrong"),
        (balanced("8", "60", "120", "2"), "bill_count_wrong"),
        (balanced("8", "60", "120").replace("1900000001", "1900000002"), "bill_of_another"),
    ],
)
def test_a_file_may_have_several_statements_of_a_day(second: str, reason: str) -> None:
    """Each begins with what the one before it closed with, and counts its own entries."""
    raw = f"<Document><BkToCstmrStmt>{balanced('7', '0', '60')}{second}</BkToCstmrStmt></Document>".encode()
    if not reason:
        assert [one.number for one in read(raw, source("camt053"))] == ["T7-1", "T7-2", "T8-1", "T8-2"]
        return
    with pytest.raises(BillError) as error:
        read(raw, source("camt053"))
    assert error.value.reason == reason


@pytest.mark.parametrize(
    ("form", "raw", "statement"),
    [
        ("mt940", file_of("mt940", lines(2)).replace(b"28C:1/1", b"28C:235/2"), "235/2"),
        ("camt053", BATCH.encode(), "S-7/2"),
        ("camt053", BATCH.replace("<PgNb>2</PgNb>", "").encode(), "S-7"),
        ("camt053", file_of("camt053", lines(2)), ""),
        ("wechat-trade", file_of("wechat-trade", lines(2)), ""),
    ],
)
def test_a_statement_says_which_it_is(form: str, raw: bytes, statement: str) -> None:
    asked = Asked(source(form), HIDING, DAY_OF_BILL)
    assert list(FORMATS[form](io.BytesIO(raw), asked))
    assert [*asked.told.values()] == [statement]


def changed(form: str, old: str, new: str, charset: str = "utf-8") -> bytes:
    """A bill in which one text is another."""
    raw = file_of(form, lines(3))
    if form.startswith("wechat"):
        raw = gzip.decompress(raw)
    if form == "alipay":
        with zipfile.ZipFile(io.BytesIO(raw), metadata_encoding="gb18030") as archive:
            texts = {one.filename: archive.read(one).decode("gb18030") for one in archive.infolist()}
        assert any(old in text for text in texts.values())
        return zipped({name: text.replace(old, new, 1) for name, text in texts.items()})
    assert old.encode(charset) in raw
    return raw.replace(old.encode(charset), new.encode(charset), 1)


@pytest.mark.parametrize(
    ("form", "old", "new", "reason"),
    [
        ("wechat-trade", "`1.00,", "`1.10,", "bill_total_wrong"),
        ("wechat-trade", "`4,`3.03", "`5,`3.03", "bill_count_wrong"),
        ("wechat-trade", "`4,`3.03", "`4,`3.04", "bill_total_wrong"),
        ("wechat-trade", "`SUCCESS", "`GONE", "bill_unreadable"),
        ("wechat-trade", "`1.00,", "`1e9,", "bill_unreadable"),
        ("wechat-trade", "`1.00,", "`99999999999999999999,", "bill_unreadable"),
        ("wechat-trade", "`1.00,", "`=1+1,", "bill_unreadable"),
        ("wechat-trade", "交易时间", "时间", "bill_unreadable"),
        ("wechat-trade", "`2025-11-11 10:00:00", "`2025-11-12 10:00:00", "bill_of_another"),
        ("wechat-trade", "`2025-11-11 10:00:00", "`2025-11-31 10:00:00", "bill_unreadable"),
        ("wechat-trade", ",`JSAPI", "", "bill_unreadable"),
        ("wechat-fund", "收入,`1.00", "收入,`1.10", "bill_total_wrong"),
        ("wechat-fund", "`支出,`0.50", "`收入,`0.50", "bill_total_wrong"),
        ("wechat-fund", "`交易,`交易", "`交易,`新业务", "bill_unreadable"),
        ("wechat-fund", "收入,`1.00", "收入,`-1.00", "bill_unreadable"),
        ("alipay", "交易合计：3笔", "交易合计：4笔", "bill_count_wrong"),
        ("alipay", "商家实收共3.03元", "商家实收共3.04元", "bill_total_wrong"),
        ("alipay", "#交易合计", "#合计", "bill_truncated"),
        ("alipay", ",1.00,1.00", ",1.00,1.01", "bill_total_wrong"),
        ("alipay", ",-0.50,", ",0.50,", "bill_unreadable"),
        ("alipay", "#账号：[2088", "#账号：[2089", "bill_of_another"),
        ("alipay", ",交易,", ",其他,", "bill_unreadable"),
        ("alipay", "#起始日期", "#日期", "bill_unreadable"),
        ("unionpay-zm", "S22", "S99", "bill_unreadable"),
        ("unionpay-zm", " 000000000100 ", " 0000000001O0 ", "bill_unreadable"),
        ("unionpay-zm", "898000000000001", "898000000000002", "bill_of_another"),
        ("unionpay-zm", "\r\n", "\n", "bill_unreadable"),
        ("unionpay-zm", "1111100000", "1341100000", "bill_unreadable"),
        ("mt940", "C1,00", "C1,01", "bill_total_wrong"),
        ("mt940", ":62F:", ":99X:", "bill_truncated"),
        ("mt940", ":60F:", ":99X:", "bill_unreadable"),
        ("mt940", "C1,00", "Cx,00", "bill_unreadable"),
        ("camt053", ">1.00<", ">1.01<", "bill_total_wrong"),
        ("camt053", "<NbOfNtries>4", "<NbOfNtries>5", "bill_count_wrong"),
        ("camt053", "CLBD", "CLAV", "bill_truncated"),
        ("camt053", "<Document", '<!DOCTYPE a [<!ENTITY b "c">]><Document', "bill_unreadable"),
        ("camt053", "</Ntry>", "</Ntri>", "bill_unreadable"),
        ("camt053", "<AcctSvcrRef>", "<AcctSvcrRef/><Other>", "bill_unreadable"),
    ],
)
def test_a_bill_that_does_not_agree_with_itself_is_refused(
    form: str, old: str, new: str, reason: str
) -> None:
    """Totals, counts, words, amounts, merchant and day are looked at before a line is believed."""
    with pytest.raises(BillError) as error:
        read(changed(form, old, new), source(form))
    assert error.value.reason == reason


def test_text_that_a_spreadsheet_would_carry_out_is_text() -> None:
    """A customer may write whatever they like; it comes out without its beginning."""
    pay = msgspec.structs.replace(lines(1)[0], text='=HYPERLINK("http://a")')
    assert read(file_of("wechat-trade", [pay]), source("wechat-trade"))[0].text == 'HYPERLINK("http://a")'


def test_a_refund_of_alipay_has_both_numbers_however_long() -> None:
    """As its notification has them: the trade's, and the request's of up to 64 characters."""
    _, back = lines(1)
    back = msgspec.structs.replace(back, number="R" * 64)
    found = read(file_of("alipay", [back]), source("alipay"))
    assert [(one.number, one.original) for one in found] == [(f"{back.original}/{'R' * 64}", back.original)]


TABLE = source(
    "csv",
    columns=Columns(
        number="流水号",
        time="时间",
        money_in="贷方",
        money_out="借方",
        payer="对方账号",
        text="摘要",
        kind="类型",
        balance="余额",
        fee="手续费",
    ),
    kinds={"转账": "payment", "手续费": "fee", "冲正": "chargeback", "期初": "skip"},
    skip_rows=1,
    charset="gb18030",
)
ROWS = [
    ["流水号", "时间", "贷方", "借方", "余额", "对方账号", "摘要", "类型", "手续费"],
    ["B1", "2025-11-11 09:00:00", "1,234.50", "", "1234.50", CARD, "货款 " + CARD, "转账", ""],
    ["B2", "2025-11-11 09:30:00", "", "200.00", "1034.50", "", "运费", "转账", ""],
    ["B3", "2025-11-11 10:00:00", "", "34.50", "1000.00", "", "", "冲正", ""],
]


def as_csv(rows: list[list[str]]) -> bytes:
    """A CSV file in GBK below a title."""
    texts = ["对账单"] + [",".join(f'"{cell}"' if "," in cell else cell for cell in row) for row in rows]
    return "\r\n".join(texts).encode("gb18030")


def as_excel(rows: list[list[str]]) -> bytes:
    """The same as a workbook, amounts as numbers."""
    book = Workbook()
    book.active.append(["对账单"])
    for row in rows:
        book.active.append([float(cell.replace(",", "")) if "." in cell else cell or None for cell in row])
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


@pytest.mark.parametrize(("form", "write"), [("csv", as_csv), ("excel", as_excel)])
def test_a_table_is_read_by_its_column_map(form: str, write: Callable[[list[list[str]]], bytes]) -> None:
    """CSV and Excel alike."""
    found = read(write(ROWS), msgspec.structs.replace(TABLE, format=form))
    assert [(one.kind, one.number, one.amount_e4, one.direction) for one in found] == [
        ("payment", "B1", 12_345_000, "in"),
        ("payment", "B2", 2_000_000, "out"),
        ("chargeback", "B3", 345_000, "out"),
    ]
    assert found[0].time == MIDNIGHT + 9 * 3_600_000
    assert found[0].payer.startswith("tok-")
    assert CARD not in msgspec.json.encode(found).decode()


@pytest.mark.parametrize(
    ("row", "column", "value", "reason"),
    [
        (2, 4, "1034.51", "bill_total_wrong"),
        (1, 2, "=1+1", "bill_unreadable"),
        (1, 6, "=cmd|' /C calc'!A0", "bill_unreadable"),
        (1, 2, "1.00001", "bill_unreadable"),
        (1, 3, "5.00", "bill_unreadable"),
        (1, 0, "", "bill_unreadable"),
        (1, 0, "x" * 65, "bill_unreadable"),
        (1, 7, "奖金", "bill_unreadable"),
        (1, 1, "11/11/2025", "bill_unreadable"),
        (1, 1, "2025-11-12 09:00:00", "bill_of_another"),
        (0, 2, "收入", "bill_unreadable"),
    ],
)
def test_a_table_with_a_wrong_cell_is_refused(row: int, column: int, value: str, reason: str) -> None:
    """The cell is named, its content is not."""
    rows = [list(one) for one in ROWS]
    rows[row][column] = value
    with pytest.raises(BillError) as error:
        read(as_csv(rows), TABLE)
    assert error.value.reason == reason
    assert CARD not in error.value.detail


PLAIN = source(
    "csv",
    columns=Columns(
        number="流水号",
        time="时间",
        amount="金额",
        kind="类型",
        state="状态",
        balance="余额",
        currency="币种",
    ),
    kinds={"转账": "payment", "退款": "refund", "内部": "skip"},
    states={"成功": "success", "失败": "failed"},
)
PLAIN_ROWS = """流水号,时间,金额,类型,状态,余额,币种
B1,2025-11-11 09:00:00,10.00,转账,成功,110.00,人民币
B2,2025-11-11 09:10:00,-30.00,内部,成功,80.00,人民币
B3,2025-11-11 09:20:00,5.00,转账,失败,80.00,人民币
B4,2025-11-11 09:30:00,-1.00,退款,成功,79.00,156
"""


def test_balances_follow_over_rows_that_are_skipped_or_failed() -> None:
    """What a skipped row moved is not looked at, a failed one moved nothing; a row that is missing shows."""
    found = read(PLAIN_ROWS.encode(), PLAIN)
    assert [(one.number, one.state, one.currency) for one in found] == [
        ("B1", "success", "CNY"),
        ("B3", "failed", "CNY"),
        ("B4", "success", "CNY"),
    ]
    for old, new in (("79.00,156", "79.01,156"), ("成功,80.00", "成功,81.00"), ("失败,80.00", "失败,85.00")):
        with pytest.raises(BillError, match="bill_total_wrong"):
            read(PLAIN_ROWS.replace(old, new).encode(), PLAIN)


@pytest.mark.parametrize("amount", ["1.00", "-1.00"])
@pytest.mark.parametrize(
    ("word", "kind", "way"),
    [
        ("refund", "refund", "out"),
        ("refund_returned", "refund", "in"),
        ("chargeback", "chargeback", "out"),
        ("chargeback_won", "chargeback", "in"),
    ],
)
def test_one_column_of_amounts_tells_by_the_word_what_comes_back(
    word: str, kind: str, way: str, amount: str
) -> None:
    """Whichever sign the bill writes it with."""
    columns = msgspec.structs.replace(cast("Columns", PLAIN.columns), balance="")
    asked = msgspec.structs.replace(
        PLAIN, columns=columns, kinds={"转账": "payment", "退款": word, "内部": "skip"}
    )
    *_, found = read(PLAIN_ROWS.replace("-1.00", amount).encode(), asked)
    assert (found.kind, found.direction, found.amount_e4) == (kind, way, 10_000)


def test_nobody_pays_a_part_of_a_fen() -> None:
    """In yuan; a fee may be finer."""
    with pytest.raises(BillError, match="movement 1: its amount has a part of a fen"):
        text_of(line := msgspec.structs.replace(lines(1)[0], amount_e4=10_050), 1)
    assert b"10050" in text_of(msgspec.structs.replace(line, currency="KWD"), 1)
    assert b"10000" in text_of(msgspec.structs.replace(line, amount_e4=10_000, fee_e4=60), 1)


def test_what_is_no_currency_is_refused() -> None:
    """And not sent as one, which no lane would take."""
    with pytest.raises(BillError, match="row 2: currency is no currency"):
        read(PLAIN_ROWS.replace("人民币", "日圆", 1).encode(), PLAIN)


@pytest.mark.parametrize(("column", "way"), [("贷方", "in"), ("借方", "out")])
def test_the_column_says_which_way_a_chargeback_went(column: str, way: str) -> None:
    """The bank takes back what came, or gives back what had left."""
    row = dict(zip(ROWS[0], ROWS[3], strict=True)) | {"贷方": "", "借方": "", "余额": "", column: "34.50"}
    assert TABLE.columns is not None
    asked = msgspec.structs.replace(TABLE, columns=msgspec.structs.replace(TABLE.columns, balance=""))
    (found,) = read(as_csv([ROWS[0], list(row.values())]), asked)
    assert (found.kind, found.amount_e4, found.direction) == ("chargeback", 345_000, way)


@pytest.mark.parametrize(
    ("time", "is_there"),
    [
        ("2025-11-10 22:59:59", False),
        ("2025-11-10 23:00:00", True),
        ("2025-11-11 22:59:59", True),
        ("2025-11-11 23:00:00", False),
    ],
)
def test_a_table_goes_by_its_channels_cut_off(time: str, *, is_there: bool) -> None:
    """Its day begins on the evening before."""
    raw = f"流水号,时间,金额\nB1,{time},5\n".encode()
    asked = source("csv", cut_off="23:00")
    if is_there:
        assert len(read(raw, asked)) == 1
    else:
        with pytest.raises(BillError, match="bill_of_another"):
            read(raw, asked)


def test_formulas_in_a_workbook_are_refused() -> None:
    """What they came to when the file was saved is nobody's word."""
    book = Workbook()
    book.active.append(["流水号", "时间", "金额"])
    book.active.append(["B1", "2025-11-11 09:00:00", "=1+1"])
    file = io.BytesIO()
    book.save(file)
    with pytest.raises(BillError, match="formula"):
        read(file.getvalue(), source("excel"))


def zip_bomb() -> bytes:
    """A ZIP whose entry of zeros is a thousand times as large."""
    return zipped({"1_业务明细.csv": "\0" * 50_000_000})


def wide_directory() -> bytes:
    """A ZIP that says that its directory has 2 GB."""
    raw = bytearray(zipped({"1_业务明细.csv": "x" * 3_000_000}))
    struct.pack_into("<I", raw, len(raw) - 10, 2_000_000)
    return bytes(raw)


def deep() -> bytes:
    """XML that is nested a million deep."""
    return b"<Document>" + b"<a>" * 1_000_000


def long_tag() -> bytes:
    """XML with a tag that does not end."""
    return b'<Document a="' + b"x" * 5_000_000


def lol() -> bytes:
    """XML whose entities grow."""
    entities = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    return f'<!DOCTYPE l [<!ENTITY l0 "lol">{entities}]><Document>&l9;</Document>'.encode()


def tall_sheet() -> bytes:
    """A workbook one part of which says that it has a gigabyte."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * 500_000_000)
    return file.getvalue()


@pytest.mark.parametrize(
    ("form", "make"),
    [
        ("wechat-trade", lambda: gzip.compress(b"\0" * 100_000_000)),
        ("unionpay-zm", lambda: gzip.compress(b"\0" * 100_000_000)),
        ("csv", lambda: gzip.compress(b"a" * 100_000_000)),
        ("mt940", lambda: gzip.compress(b":86:" + b"a\n" * 50_000_000)),
        ("alipay", zip_bomb),
        ("alipay", wide_directory),
        ("camt053", deep),
        ("camt053", long_tag),
        ("camt053", lol),
        ("excel", tall_sheet),
    ],
)
def test_a_bomb_is_refused_in_bounded_memory(form: str, make: Callable[[], bytes]) -> None:
    """Whatever it would be when it is unpacked."""
    raw = make()
    tracemalloc.start()
    try:
        with pytest.raises(BillError):
            read(raw, source(form))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 8_000_000 + (len(raw) if form == "csv" else 0)


EACH = 500 * TIMES
"""Hostile files of each format; `make soak`: more than 50,000 in all."""


@pytest.mark.parametrize("form", [*FORMS, "csv", "excel"])
def test_hostile_files_are_refused_with_a_reason(form: str) -> None:
    """Bytes flipped, cut out, repeated, replaced: a known reason, where it shows at all."""
    chance = random.Random(f"hostile {form}")
    asked = (
        TABLE
        if form == "csv"
        else msgspec.structs.replace(TABLE, format=form)
        if form == "excel"
        else source(form)
    )
    raw = as_csv(ROWS) if form == "csv" else as_excel(ROWS) if form == "excel" else file_of(form, lines(2))
    base = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
    reasons: Counter[str] = Counter()
    longest = 0
    for _ in range(EACH if form != "excel" else EACH // 10):
        try:
            read(mutated(base, chance), asked)
        except BillError as error:
            reasons[error.reason] += 1
            longest = max(longest, len(error.detail))
    refused = reasons.total()
    assert reasons.keys() <= BILL.keys()
    assert longest < 1_000
    assert refused > EACH // 100


WORDS = (
    b"`",
    b",",
    b"\n",
    b"\0",
    b"\xff\xfe",
    b"=",
    b"-",
    b"9" * 30,
    b"1e308",
    b"NaN",
    b"\xef\xbb\xbf",
    b"<!--",
    b"#",
)


def mutated(raw: bytes, chance: random.Random) -> bytes:
    """A file in which something is wrong."""
    found = bytearray(raw)
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(found) + 1)
        to = min(len(found), at + chance.randint(1, 40))
        match chance.randrange(5):
            case 0:
                found[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                del found[at:to]
            case 2:
                found[at:at] = found[at:to]
            case 3:
                found[at:at] = chance.choice(WORDS)
            case _:
                del found[at:]
    return bytes(found)


def test_amounts_are_exact() -> None:
    """Plain decimal digits only."""
    assert [yuan_of(text) for text in ("0.01", "-1.5", "20", "0.006", "1.00000000")] == [
        100,
        -15_000,
        200_000,
        60,
        10_000,
    ]
    for text in ("", "1,0", "1e5", "NaN", "１", "1_0", " 1", "0x1", "1.00001", "1" * 13, "9" * 12):
        with pytest.raises(ValueError, match=r"is no|decimals"):
            yuan_of(text)
