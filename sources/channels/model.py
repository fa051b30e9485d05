"""What `channels.toml` says: channels, their merchants, their keys by serial, how their notifications are read.

A channel's `format` is one of the built-in ones (`wechat`, `alipay`, `unionpay`), or that of a generic channel's
body (`json`, `form`, `csv`), of which everything is configuration. `shapes.toml` of this package has the built-in
formats' fields in the same words.
"""

from datetime import date
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from schemas.events import Name, Word
from schemas.payments import Flow, Group, Kind, Sort, State

Format = Literal["wechat", "alipay", "unionpay", "json", "form", "csv"]
GENERIC = ("json", "form", "csv")
File = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*(/[A-Za-z0-9][A-Za-z0-9_.-]*)*$",
        max_length=128,
        extra={"wants": 'the name of a file in the directory of keys, as "bank/k1.key"'},
    ),
]
"""A file in the directory of keys."""
Path = Annotated[str, Meta(min_length=1, max_length=128)]
"""A field of the content, dotted where it lies deeper: `amount.total`."""
Paths = tuple[Path, ...]


def paths_of(fields: str | Paths) -> Paths:
    """One field or several as several; none of an empty one."""
    return fields if isinstance(fields, tuple) else (fields,) if fields else ()


Code = Annotated[
    str,
    Meta(
        pattern=r"^[a-z][a-z0-9_-]{0,31}$",
        extra={"wants": 'a name of at most 32 lower case letters, digits, _ and -, as "wechat"'},
    ),
]
Seconds = Annotated[int, Meta(ge=1, le=90 * 86_400)]
TimeFormat = Literal["rfc3339", "local", "compact", "epoch_s", "epoch_ms"]
"""2025-11-11T10:00:00+08:00; 2025-11-11 10:00:00; 20251111100000; seconds or milliseconds since 1970."""
Zone = Annotated[
    str, Meta(pattern=r"^[+-](0\d|1[0-4]):[0-5]\d$", extra={"wants": 'a time zone, as "+08:00"'})
]
CutOff = Annotated[
    str,
    Meta(
        pattern=r"^(([01]\d|2[0-3]):[0-5]\d|24:00)$",
        extra={"wants": 'a time of day, as "23:00", and "24:00" at most'},
    ),
]
"""When a channel's day ends, in Shanghai."""
Header = Annotated[
    str,
    Meta(
        pattern=r"^[a-z0-9-]{0,64}$",
        extra={"wants": 'the name of an HTTP header in lower case letters, as "x-signature"'},
    ),
]
"""Empty: none."""
Rate = Annotated[
    str,
    Meta(
        pattern=r"^0(\.\d{1,6})?$",
        extra={"wants": 'a number below 1 in quotation marks, with six decimals at most, as "0.006"'},
    ),
]
"""A share of the amount: 0.006 is 0.6 %."""


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A section of the file; what it does not know is refused."""


class Own(Section, frozen=True, kw_only=True):
    """Our own keys: files of hexadecimal digits."""

    tokens: File = "tokens.key"
    """32 bytes or more. It stays for ever: another key makes other tokens."""
    evidence: Annotated[tuple[File, ...], Meta(min_length=1)] = ("evidence.key",)
    """64 bytes each. The first one seals; the others still open what they sealed."""


class Key(Section, frozen=True, kw_only=True):
    """What a channel signs with: a certificate or public key (PEM), or the secret of an HMAC."""

    file: File
    serial: Word = ""
    """How the notification names it: Wechatpay-Serial; Alipay's alipay_cert_sn or else its app_id; UnionPay's certId;
    a generic channel's header `serial`. Several keys may have the same one: each is tried."""
    since: date | None = None
    """First business day on which it is believed; left out: always."""
    until: date | None = None
    """Last such day."""


class Merchant(Section, frozen=True, kw_only=True):
    """Whose money a channel brings: its number there, and the group whose dues it can match."""

    number: Name
    """The channel's number of the merchant, or the account as the bank writes it."""
    group: Group
    name: Word = ""
    """How it is called in the books; left out: its number. An account wants a name."""
    apps: tuple[Name, ...] = ()
    """Apps that may pay to it; none: any."""
    secrets: tuple[File, ...] = ()
    """WeChat Pay: files with its APIv3 keys (32 characters each), all that may still be in use."""
    fee: Rate | None = None
    """What the channel keeps; left out: as the channel says."""

    @property
    def called(self) -> str:
        """Its name in payments."""
        return self.name or self.number


class Signature(Section, frozen=True, kw_only=True):
    """How a generic channel proves that a notification is its own."""

    kind: Literal["hmac", "none"]
    algorithm: Literal["sha256", "sha384", "sha512"] = "sha256"
    header: Annotated[Header, Meta(min_length=1)] = "x-signature"
    encoding: Literal["hex", "base64"] = "hex"
    prefix: Annotated[str, Meta(max_length=32)] = ""
    """Before the signature in its header: `sha256=`."""
    signed: Annotated[str, Meta(max_length=256)] = "{body}"
    """The text that is signed: `{body}` is the raw body, `{x-timestamp}` a header."""
    serial: Header = ""
    """Header that names the key; left out: each is tried."""
    clock: Header = ""
    """Header with the time of sending, which must be signed; left out: the payment's own time is looked at."""
    clock_format: TimeFormat = "epoch_s"


class Shape(Section, frozen=True, kw_only=True):
    """Where the fields of a payment lie in a notification's content. The first shape that fits is taken."""

    has: Paths = ()
    """Fits what has all these fields."""
    when: dict[Path, tuple[str, ...]] = {}
    """Fits what has one of these words in each of these fields."""
    each: str = ""
    """A list: each element is a payment, whose fields lie below the list's name: `sub_orders.mchid`."""
    kind: Kind = "payment"
    number: Paths
    """The movement's number; several fields are joined by `/`."""
    merchant: Path | Paths
    """The first of these that is filled in."""
    recipient: str = ""
    """The merchant who is notified, by its own key and app; left out: the one who is paid."""
    app: str | Paths = ""
    order: str = ""
    original: Paths = ()
    amount: Path
    unit: Literal["yuan", "minor"] = "yuan"
    """minor: fen, or whatever the currency's smallest unit is."""
    fee: str = ""
    currency: str = ""
    """A code of ISO 4217, in letters or digits; left out: CNY."""
    time: Paths
    """The first of these that is filled in."""
    time_format: TimeFormat = "local"
    zone: Zone = "+08:00"
    state: str = ""
    """Left out: success."""
    states: dict[str, State] = {}
    direction: str = ""
    """Left out: in; of a refund or chargeback out."""
    directions: dict[str, Flow] = {}
    payer: Paths = ()
    """Identifiers of the payer; the first that is filled in becomes the payer's token."""
    text: Paths = ()
    settled: str = ""
    """The settlement date: 2025-11-11, 20251111, or 1111 with the year that is nearest to the payment's time."""


class Answer(Section, frozen=True, kw_only=True):
    """What a generic channel wants to hear over HTTP."""

    status: Annotated[int, Meta(ge=200, le=599)]
    body: Annotated[str, Meta(max_length=1024)] = ""
    media: Annotated[str, Meta(max_length=64)] = "text/plain"


class Bills(Section, frozen=True, kw_only=True):
    """What is agreed about the bills that the channel gives for each day. Without it nothing is missed in a bill."""

    sorts: Annotated[tuple[Sort, ...], Meta(min_length=1)] = ("trade",)
    """Sorts of bills in each of which a movement has to be."""
    notified: bool = True
    """Whether the channel notifies every movement: what only a bill has is an exception then (长款)."""
    cut_off: CutOff = "24:00"
    """When the channel's day ends, in Shanghai."""
    grace_days: Annotated[int, Meta(ge=0, le=30)] = 3
    """Bills of so many later days may have what is not in its own day's bill, before it is missing (短款)."""
    due_hours: Annotated[int, Meta(ge=24, le=240)] = 36
    """Hours after a day's beginning until its bill must be there."""
    slack: Rate = "0.01"
    """Yuan that a fee may differ by."""


class Channel(Section, frozen=True, kw_only=True):
    """One channel."""

    name: Code
    format: Format
    label: Word = ""
    fee: Rate | None = None
    max_age: Seconds | None = None
    """Seconds that a notification may be older than its receipt; left out: as the format has it."""
    max_ahead: Seconds = 300
    """Seconds that it may be ahead of its receipt."""
    max_bytes: Annotated[int, Meta(ge=1, le=1_000_000)] = 65_536
    digest: Literal["sha256", "none"] = "sha256"
    """UnionPay: what is signed is the digest in hexadecimal digits (5.1.0), or the text itself."""
    signature: Signature | None = None
    """Of generic channels."""
    charset: Literal["utf-8", "gbk", "gb18030"] = "utf-8"
    """Of generic channels' bodies."""
    columns: Paths = ()
    """Of a CSV body without header: its columns."""
    taken: Answer | None = None
    """Of generic channels: the answer when a notification is in Kafka (left out: 200 success)…"""
    failed: Answer | None = None
    """… and when it is not (left out: 503 fail)."""
    bills: Bills | None = None
    key: Annotated[tuple[Key, ...], Meta(max_length=256)] = ()
    merchant: Annotated[tuple[Merchant, ...], Meta(min_length=1, max_length=10_000)]
    shape: Annotated[tuple[Shape, ...], Meta(max_length=32)] = ()
    """Of generic channels; a built-in format's own shapes come after these."""


class Channels(msgspec.Struct, frozen=True):
    """All channels by name, and our own keys' files. Made by `read_channels`."""

    own: Own
    channels: dict[str, Channel]
