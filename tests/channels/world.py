"""An invented network's channels with keys made on the spot, and payments to be told by them."""

import atexit
import random
import shutil
import tempfile
from functools import cache
from pathlib import Path

import msgspec

from schemas.payments import Notification, Payment
from sources.channels.keys import Keys, read_keys
from sources.channels.model import Channels
from sources.channels.read import read_channels
from sources.channels.signing import Signer, make_keys
from sources.channels.verify import Verifier

NOON = 1_762_833_600_000
"""2025-11-11 12:00 in Shanghai."""
TEXT = Path(__file__).with_name("channels.toml").read_text("utf-8")


class World(msgspec.Struct):
    """Both sides of every channel, and where their key files are."""

    channels: Channels
    directory: Path
    keys: Keys
    verifier: Verifier
    signer: Signer

    def notification(self, *told: Payment, sent: int = NOON, key: int = 0, app: str = "") -> Notification:
        """A signed notification of a payment, or of those of a combined order."""
        return self.signer.notification(told[0], sent, together=told[1:], key=key, app=app)

    def believed(self, notification: Notification) -> Payment:
        """The one payment that a notification tells of. Raises RefusedError."""
        (payment,) = self.verifier.payments(notification)
        return payment


@cache
def world() -> World:
    """The same keys for a process's tests: making RSA keys takes a while."""
    channels = read_channels({"channels.toml": TEXT})
    home = Path(tempfile.mkdtemp(prefix="waybook-channels-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    make_keys(channels, home / "keys", home / "private", random.Random(7).randbytes)
    keys = read_keys(channels, home / "keys")
    signer = Signer(channels, home / "keys", home / "private")
    return World(channels, home / "keys", keys, Verifier(channels, keys), signer)


def told(channel: str, number: str, **facts: object) -> Payment:
    """A payment of a channel's first merchant; the payer is the raw identifier."""
    merchant = world().channels.channels[channel].merchant[0]
    usual = {
        "channel": channel,
        "merchant": merchant.called,
        "group": merchant.group,
        "number": number,
        "kind": "payment",
        "state": "success",
        "amount_e4": 1_234_500,
        "time": NOON,
        "order": "FR-1007",
    }
    return msgspec.convert(usual | facts, Payment)
