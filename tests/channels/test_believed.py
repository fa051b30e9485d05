"""What a channel signed is believed, and means what the channel meant."""

import msgspec
import pytest

from schemas.payments import Payment
from tests.channels.world import NOON, told, world

TRADE = "2025111122001400000000000001"
BELIEVED = {
    "wechat": told(
        "wechat", "4200001234202511111234567890", payer="oUpF8uMuAJO_invented", text="FR-1007 运费"
    ),
    "wechat, not yet paid": told("wechat", "4200001234202511111234567891", state="pending"),
    "wechat refund": told(
        "wechat",
        "50300012342025111112345678901",
        kind="refund",
        direction="out",
        original="4200001234202511111234567890",
        text="RF-1",
    ),
    "wechat refund that failed for now": told(
        "wechat",
        "50300012342025111112345678902",
        kind="refund",
        direction="out",
        state="pending",
        text="RF-2",
    ),
    "alipay": told("alipay", TRADE, payer="2088000000000042", text="运费 & 包装=1+1"),
    "alipay, closed": told("alipay", TRADE, state="closed"),
    "alipay refund": told(
        "alipay", f"{TRADE}/RF-1", kind="refund", direction="out", original=TRADE, text="RF-1"
    ),
    "unionpay": told("unionpay", "202511111200001234567", payer="622202*********0016", text="仓租"),
    "unionpay refund": told(
        "unionpay",
        "202511111200001234568",
        kind="refund",
        direction="out",
        original="202511111200001234567",
    ),
    "bank credit": told("bank", "S-1", order="", payer="6222020200000000024", text="货款 FR-1007"),
    "bank debit": told("bank", "S-2", order="", direction="out", payer="6222020200000000032", text="付运费"),
    "csv": told("other", "O-1", payer="user-42", fee_e4=7_400),
    "csv refund": told("other", "O-2", kind="refund", direction="out", original="O-1"),
    "form in GBK, unsigned": told("till", "N-1", text="柜台，现金"),
}
COMBINED = tuple(
    told(
        "wechat",
        f"430000123420251111123456789{n}",
        merchant=merchant,
        order=f"FR-20{n}",
        amount_e4=amount,
        payer="oUpF8uMuAJO_invented",
        text=text,
        state=state,
    )
    for n, (merchant, amount, text, state) in enumerate(
        (
            ("1900000109", 1_000_100, "一号仓", "success"),
            ("1900000117", 20_000, "", "success"),
            ("1900000109", 300_000, "", "closed"),
        )
    )
)
"""A combined order: two of our merchants, and one order of which nothing came."""
NOTIFIED = {name: (one,) for name, one in BELIEVED.items()} | {"wechat combined": COMBINED}


@pytest.mark.parametrize("name", NOTIFIED)
def test_what_was_signed_is_what_is_believed(name: str) -> None:
    """Every format, payments and refunds: all that was told comes through, the payer as a token."""
    here = world()
    assert here.verifier.payments(here.notification(*NOTIFIED[name], sent=NOON + 1000)) == tuple(
        msgspec.structs.replace(
            one,
            payer=here.keys.tokens.token(one.payer) if one.payer else "",
            text=one.text if not name.startswith("alipay refund") else "RF-1 RF-1",
        )
        for one in NOTIFIED[name]
    )


def test_the_exact_bytes_of_a_bank_are_read() -> None:
    """Whatever writes it: amounts of yuan are read from their digits."""
    here = world()
    channel = here.channels.channels["bank"]
    number = channel.merchant[0].number
    for written, units in (
        ("20", 200_000),
        ("20.5", 205_000),
        ("0.0100", 100),
        ("9007199254.07", 90_071_992_540_700),
    ):
        body = (
            f'{{"serial": 7, "account": "{number}", "amount": {written}, "currency": "CNY",'
            ' "time": "2025-11-11 12:00:00", "side": "C"}'
        ).encode()
        payment = here.signer.notification(told("bank", "7"), NOON)
        headers = here.signer.signed_generic(channel, body, NOON)
        got = here.believed(msgspec.structs.replace(payment, headers=headers, body=body))
        assert isinstance(got, Payment)
        assert got.amount_e4 == units
