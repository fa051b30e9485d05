"""At which doors channels may knock, what is kept of a knock, and how each channel wants to be answered.

Doors come from the published channels: a merchant's channel and group. Nothing is verified at a door.
"""

import tomllib
from collections.abc import Mapping
from string import Formatter

import msgspec

TEXT, JSON = "text/plain", "application/json"


class Answer(msgspec.Struct, frozen=True):
    """An answer over HTTP."""

    status: int
    body: str = ""
    media: str = TEXT


class Manners(msgspec.Struct, frozen=True):
    """How a channel is answered, and the headers (in lower case) that its signature needs.

    taken: Kafka has the notification. failed: it does not; any status but 200 makes channels come again.
    """

    taken: Answer
    failed: Answer
    headers: tuple[str, ...] = ()


SIGNED_BY = ("serial", "signature", "timestamp", "nonce", "signature-type")
MANNERS: dict[str, Manners] = {
    "wechat": Manners(
        Answer(200, '{"code":"SUCCESS","message":"成功"}', JSON),
        Answer(503, '{"code":"FAIL","message":"失败"}', JSON),
        tuple(f"wechatpay-{name}" for name in SIGNED_BY),
    ),
    "alipay": Manners(Answer(200, "success"), Answer(503, "fail")),
    "unionpay": Manners(Answer(200, "ok"), Answer(503, "fail")),
}
"""By format: channels with manners of their own; the others' are configuration."""
OTHERS = Manners(Answer(200, "success"), Answer(503, "fail"))
ALWAYS = ("content-type",)
"""Headers that are kept whatever the channel: they tell the charset."""


class Doors(msgspec.Struct, frozen=True):
    """Who may knock: channels, the groups of each, and their manners."""

    groups: Mapping[str, frozenset[str]]
    manners: Mapping[str, Manners]

    def knows(self, channel: str, group: str) -> bool:
        """Whether someone of the group is paid through the channel."""
        return group in self.groups.get(channel, ())


CLOSED = Doors({}, {})


def kept(manners: Manners, headers: Mapping[str, str]) -> dict[str, str]:
    """What is kept of a notification's headers (names in lower case)."""
    return {name: headers[name] for name in (*ALWAYS, *manners.headers) if name in headers}


def doors_of(text: str) -> Doors:
    """The doors of a `channels.toml`. Raises ValueError when there are none to be read in it."""
    channels = msgspec.convert(tomllib.loads(text).get("channel", []), list[_Channel])
    return Doors(
        {channel.name: frozenset(merchant.group for merchant in channel.merchant) for channel in channels},
        {channel.name: MANNERS.get(channel.format) or _configured(channel) for channel in channels},
    )


class _Merchant(msgspec.Struct, frozen=True):
    """What a door needs of a merchant."""

    group: str


class _Signature(msgspec.Struct, frozen=True):
    """What a door needs to know of a signature: the headers that it is in, or of."""

    header: str = ""
    signed: str = ""
    serial: str = ""
    clock: str = ""


class _Channel(msgspec.Struct, frozen=True):
    """What a door needs of a channel."""

    name: str
    format: str
    merchant: tuple[_Merchant, ...]
    signature: _Signature = _Signature()
    taken: Answer = OTHERS.taken
    failed: Answer = OTHERS.failed


def _configured(channel: _Channel) -> Manners:
    how = channel.signature
    signed = (name for _, name, _, _ in Formatter().parse(how.signed) if name and name != "body")
    headers = {name.lower(): None for name in (how.header, how.serial, how.clock, *signed) if name}
    return Manners(channel.taken, channel.failed, tuple(headers))
