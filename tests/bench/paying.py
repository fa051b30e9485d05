"""The payments benchmark's traffic: dues and the notifications that pay them, signed and encrypted as the channels do.

Signing takes ten times as long as verifying, so what was made once is kept under `.cache`, with its keys.
"""

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec

from schemas.identity import version_of
from schemas.payments import Payment, PaymentRulesPublished, Receivable
from schemas.times import MINUTE, SECOND
from sources.channels.read import read_channels
from sources.channels.signing import Signer, make_keys
from tests.servers.install import ROOT

START = 1_762_800_000_000
"""2025-11-11 02:40 in Shanghai: when the first due is told."""
GROUPS = 16
SHARES = {"wechat": 40, "alipay": 30, "unionpay": 10, "bank": 10, "other": 10}
"""Channels' shares of the payments, in percent; eight in ten notifications have an RSA signature."""
REFUNDED, REPEATED = 0.02, 0.02
"""Shares of payments of which half is given back, and of notifications that come twice."""

_CHANNELS = """
[[channel]]
name = "wechat"
format = "wechat"
[[channel.key]]
serial = "5A17C0DE00000001"
file = "wechat/1.pem"
{wechat}
[[channel]]
name = "alipay"
format = "alipay"
{alipay}
[[channel]]
name = "unionpay"
format = "unionpay"
[[channel.key]]
serial = "69026276696"
file = "unionpay/1.cer"
{unionpay}
[[channel]]
name = "bank"
format = "json"
[channel.signature]
kind = "hmac"
header = "x-bank-signature"
serial = "x-bank-key"
clock = "x-bank-time"
clock_format = "epoch_ms"
signed = "{{x-bank-time}}.{{body}}"
[[channel.key]]
serial = "b1"
file = "bank/1.secret"
{bank}
[[channel.shape]]
number = ["serialNo"]
merchant = "account"
amount = "amount"
time = ["time"]
time_format = "compact"
payer = ["from"]
text = ["remark"]
[[channel]]
name = "other"
format = "csv"
[channel.signature]
kind = "hmac"
header = "x-sign"
[[channel.key]]
file = "other/1.secret"
{other}
[[channel.shape]]
number = ["id"]
merchant = "shop"
order = "order"
amount = "fen"
unit = "minor"
time = ["at"]
time_format = "epoch_ms"
payer = ["user"]
"""


def _merchant(channel: str, n: int) -> str:
    """A group's merchant in a channel, as a section."""
    more = {
        "wechat": f'apps = ["wx{n:016d}"]\nsecrets = ["wechat/{n}.apiv3"]\n',
        "alipay": f'apps = ["{_app(n)}"]\n',
        "bank": f'name = "account-{n}"\n',
    }
    key = f'[[channel.key]]\nserial = "{_app(n)}"\nfile = "alipay/{n}.pem"\n' if channel == "alipay" else ""
    number = f"{sorted(SHARES).index(channel) + 1}9000{n:04d}"
    own = f'[[channel.merchant]]\nnumber = "{number}"\ngroup = "{group(n)}"\n'
    return own + more.get(channel, "") + key


def _app(n: int) -> str:
    return f"20210000{n:08d}"


def group(n: int) -> str:
    """A group of merchants."""
    return f"G{n % GROUPS:02d}"


def rules() -> PaymentRulesPublished:
    """The channels, with a merchant of every group in each."""
    merchants = {name: "".join(_merchant(name, n) for n in range(GROUPS)) for name in SHARES}
    files = {"channels.toml": _CHANNELS.format(**merchants)}
    return PaymentRulesPublished(id="rules", time=START, version=version_of(files), files=files)


def due(n: int) -> Receivable:
    """The nth due: a minute before it is paid."""
    return Receivable(
        id=f"due-{n}",
        time=START + n,
        group=group(n),
        document=document(n),
        kind="order",
        party=f"C{n % 5000:06d}",
        amount_e4=_amount(n),
    )


def document(n: int) -> str:
    """Its number."""
    return f"FR{n:09d}"


def _amount(n: int) -> int:
    return (n * 7919 % 99_000 + 100) * 100


def payments(count: int) -> Iterator[tuple[Payment, int]]:
    """So many payments and the refunds among them, with the moments of their sending."""
    r = random.Random(7)
    names, weights = list(SHARES), list(SHARES.values())
    merchants = {
        (name, merchant.group): merchant.called
        for name, channel in read_channels(rules().files).channels.items()
        for merchant in channel.merchant
    }
    for n in range(count):
        (channel,) = r.choices(names, weights)
        bank = channel == "bank"
        paid = Payment(
            channel=channel,
            merchant=merchants[channel, group(n)],
            group=group(n),
            number=f"42000{n:016d}",
            kind="payment",
            state="success",
            amount_e4=_amount(n),
            time=(START + n + MINUTE) // SECOND * SECOND,
            order="" if bank else document(n),
            text=f"货款 {document(n)} 请查收" if bank else "",
            payer=f"62220{n % 5000:014d}" if bank else f"user-{n % 5000}",
        )
        yield paid, paid.time + SECOND
        if channel == "wechat" and r.random() * SHARES["wechat"] < REFUNDED * 100:
            refund = msgspec.structs.replace(
                paid, kind="refund", direction="out", original=paid.number, number=f"50{paid.number}"
            )
            half = msgspec.structs.replace(refund, amount_e4=max(100, paid.amount_e4 // 200 * 100))
            yield half, half.time + SECOND


def sent(count: int) -> Iterator[tuple[Payment, int]]:
    """All that is notified, repeats and all, with the moments of sending."""
    r = random.Random(8)
    for paid, at in payments(count):
        yield from ((paid, at),) * (2 if r.random() < REPEATED else 1)


class Traffic:
    """The first `count` payments' notifications as Kafka has them, and the directory of the keys."""

    def __init__(self, count: int) -> None:
        self.count = count
        home = ROOT / ".cache" / "bench" / f"paying-{rules().version[:16]}"
        self.keys = home / "keys"
        kept = sorted(int(path.stem) for path in home.glob("*.msgpack"))
        made = home / f"{next((one for one in kept if one >= count), count)}.msgpack"
        if not made.exists():
            _make(count, home, made)
        found = msgspec.msgpack.decode(made.read_bytes(), type=list[tuple[str, bytes, bytes]])
        self.notifications = found[: sum(1 for _ in sent(count))]
        """Channel, group, event: of each of `sent`."""


def _make(count: int, home: Path, made: Path) -> None:
    """Sign all of it, and keep it."""
    channels = read_channels(rules().files)
    if not (home / "keys").exists():
        shutil.rmtree(home, ignore_errors=True)
        make_keys(channels, home / "keys", home / "private", random.Random(7).randbytes)
    signer = Signer(channels, home / "keys", home / "private")
    made.write_bytes(
        msgspec.msgpack.encode(
            [
                (paid.channel, paid.group.encode(), msgspec.json.encode(signer.notification(paid, at)))
                for paid, at in sent(count)
            ]
        )
    )
