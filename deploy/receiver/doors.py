"""At which doors channels may knock, what is kept of a knock, and how each channel wants to be answered.

Doors come from the published channels: a merchant's channel and group. Nothing is verified at a door.
"""

from collections.abc import Mapping
from string import Formatter

import msgspec

from sources.channels.model import Answer, Channel, Channels, Signature


class Manners(msgspec.Struct, frozen=True):
    """How a channel is answered, and the headers (in lower case) that its signature needs.

    taken: Kafka has the notification. failed: it does not; any status but 200 makes channels come again.
    """

    taken: Answer
    failed: Answer
    headers: tuple[str, ...] = ()


JSON = "application/json"
SIGNED_BY = ("serial", "signature", "timestamp", "nonce", "signature-type")
FORMATS: dict[str, Manners] = {
    "wechat": Manners(
        Answer(status=200, body='{"code":"SUCCESS","message":"成功"}', media=JSON),
        Answer(status=503, body='{"code":"FAIL","message":"失败"}', media=JSON),
        tuple(f"wechatpay-{name}" for name in SIGNED_BY),
    ),
    "alipay": Manners(Answer(status=200, body="success"), Answer(status=503, body="fail")),
    "unionpay": Manners(Answer(status=200, body="ok"), Answer(status=503, body="fail")),
}
"""Manners of the formats that are built in; the others' are configuration."""
TAKEN, FAILED = FORMATS["alipay"].taken, FORMATS["alipay"].failed
"""What the others hear where their configuration does not say."""
ALWAYS = ("content-type",)
"""Headers that are kept whatever the channel: they tell the charset."""


class Door(msgspec.Struct, frozen=True):
    """A channel's: the groups who are paid through it, and its manners. `most`: bytes of a body."""

    groups: frozenset[str]
    manners: Manners
    most: int


def doors_of(channels: Channels) -> dict[str, Door]:
    """The doors by channel."""
    return {
        name: Door(frozenset(one.group for one in channel.merchant), _manners(channel), channel.max_bytes)
        for name, channel in channels.channels.items()
    }


def kept(manners: Manners, headers: Mapping[str, str]) -> dict[str, str]:
    """What is kept of a notification's headers (names in lower case)."""
    return {name: headers[name] for name in (*ALWAYS, *manners.headers) if name in headers}


def _manners(channel: Channel) -> Manners:
    return FORMATS.get(channel.format) or Manners(
        channel.taken or TAKEN, channel.failed or FAILED, _headers(channel.signature)
    )


def _headers(rule: Signature | None) -> tuple[str, ...]:
    """The headers that a generic channel's signature is in or of."""
    if rule is None:
        return ()
    signed = (name for _, name, _, _ in Formatter().parse(rule.signed) if name and name != "body")
    return tuple(dict.fromkeys(name for name in (rule.header, rule.serial, rule.clock, *signed) if name))
