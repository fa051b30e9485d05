"""What channels say: notifications signed and encrypted as each channel does, and those that nobody should believe."""

import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from schemas.identity import version_of
from schemas.payments import Notification, PaymentRulesPublished, notification_id
from schemas.times import SECOND, business_day, date_of
from sources.channels.keys import read_tokens
from sources.channels.model import Channel, Channels
from sources.channels.read import FILE, PAYERS, read_channels
from sources.channels.signing import Signer, make_keys
from sources.network.paying.case import PAYS_OUT, Told
from sources.network.paying.merchants import APART, BANK, KNOWN, OTHER, account, customer

CHANNELS = Path(__file__).with_name(FILE)
MATCHING = "matching.toml"
PAYOUTS = f"""
[[payout]]
channels = ["{OTHER}"]
banks = ["{BANK}"]
words = ["{PAYS_OUT}"]
days = 0
"""
"""What is published beside the matching rules."""


class Voices:
    """The channels, an imitator who has other keys, and the channels' other customers.

    Keys are made in `keys` where they are missing; the channels' private ones, which are none of ours, in `private`.
    """

    def __init__(self, keys: Path, private: Path) -> None:
        channels = read_channels({FILE: CHANNELS.read_text("utf-8")})
        imitated = private / "imitated"
        make_keys(channels, keys, private, os.urandom)
        make_keys(channels, imitated / "keys", imitated / "private", os.urandom)
        self._channels, self._keys = channels, keys
        self._true = Signer(channels, keys, private)
        self._imitator = Signer(channels, imitated / "keys", imitated / "private")
        self._renamed = Signer(_changed(channels, _other_serials), keys, private)
        self._others = Signer(_changed(channels, _other_numbers), keys, private)

    def rules(self, matching: str, time: int) -> PaymentRulesPublished:
        """Channels, payers whose accounts are known, and the matching rules."""
        token = read_tokens(self._channels.own, self._keys).token
        payers = (f"{customer(n)},{token(account(n))}\n" for n in range(1, KNOWN + APART + 1))
        files = {
            FILE: CHANNELS.read_text("utf-8"),
            PAYERS: "party,token\n" + "".join(payers),
            MATCHING: matching + PAYOUTS,
        }
        version = version_of(files)
        return PaymentRulesPublished(
            id=f"payment-rules-{version}", time=time, version=version, files=files, published_by="simulated"
        )

    def notification(self, told: Told) -> Notification:
        """What is received at `told.at`, signed with the first key that is valid then."""
        signers = {"forged": self._imitator, "unknown_key": self._renamed, "stranger": self._others}
        movement, spoiled = told.movement, told.spoiled
        sent = movement.time + SECOND if spoiled == "stale" else told.at
        signer = signers.get(spoiled, self._true)
        channel = self._channels.channels[movement.channel]
        day = date_of(business_day(told.at))
        key = next(n for n, one in enumerate(channel.key) if one.until is None or day <= one.until)
        made = signer.notification(movement, sent, together=told.together, received=told.at, key=key)
        if spoiled == "altered":
            return _with_body(made, made.body.replace(b"1", b"2", 1))
        if spoiled == "truncated":
            return _with_body(made, made.body[: len(made.body) * 2 // 3])
        return made


def _with_body(notification: Notification, body: bytes) -> Notification:
    named = notification_id(notification.channel, notification.headers, body)
    return msgspec.structs.replace(notification, id=named, body=body)


def _changed(channels: Channels, change: Callable[[Channel], Channel]) -> Channels:
    return Channels(channels.own, {name: change(one) for name, one in channels.channels.items()})


def _other_serials(channel: Channel) -> Channel:
    """With keys that we have never heard of; Alipay's are named by apps."""
    named = {key.serial: f"{key.serial[:-2]}99" for key in channel.key}
    keys = tuple(msgspec.structs.replace(key, serial=named[key.serial]) for key in channel.key)
    merchants = tuple(
        msgspec.structs.replace(one, apps=tuple(named.get(app, app) for app in one.apps))
        for one in channel.merchant
    )
    return msgspec.structs.replace(channel, key=keys, merchant=merchants)


def _other_numbers(channel: Channel) -> Channel:
    """With merchants of whom we are none."""
    merchants = tuple(
        msgspec.structs.replace(one, number=f"{one.number[:-3]}999", name=one.called)
        for one in channel.merchant
    )
    return msgspec.structs.replace(channel, merchant=merchants)
