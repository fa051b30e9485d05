"""The door: a raw notification comes in, payments that are believed go out, or an error with its reason."""

from schemas.payments import Notification, Payment
from schemas.times import SECOND
from sources.channels.decode import Decoder
from sources.channels.formats import FORMATS, Format
from sources.channels.keys import Keys
from sources.channels.model import Channel, Channels
from sources.channels.refused import RefusedError

MOST_HEADERS = 16_384
"""Characters in a notification's headers."""


class Verifier:
    """Verifies and decodes the notifications of all channels; keys are read already, so each costs its signature."""

    def __init__(self, channels: Channels, keys: Keys) -> None:
        self._keys = keys
        self._channels = {
            name: (channel, FORMATS[channel.format](channel, keys), Decoder(channel, keys.tokens))
            for name, channel in channels.channels.items()
        }

    def payments(self, notification: Notification) -> tuple[Payment, ...]:
        """What a notification tells of: one payment, or those of a combined order. Raises RefusedError, which shows
        nothing of payers or keys."""
        try:
            return self._payments(notification)
        except RefusedError as error:
            error.detail = self._keys.tokens.scrub(error.detail)
            raise

    def _payments(self, notification: Notification) -> tuple[Payment, ...]:
        if (known := self._channels.get(notification.channel)) is None:
            raise RefusedError("unknown_channel", "channels.toml has no such channel")
        channel, how, decoder = known
        if len(notification.body) > channel.max_bytes:
            raise RefusedError("body_too_large", f"it has more than {channel.max_bytes} bytes")
        if sum(len(name) + len(value) for name, value in notification.headers.items()) > MOST_HEADERS:
            raise RefusedError("body_too_large", f"its headers have more than {MOST_HEADERS} characters")
        opened = how.open(notification)
        if opened.sent is not None:
            _timely(channel, how, opened.sent, notification.time)
        found = decoder.payments(opened.content, notification.group, notification.time, opened.merchants)
        if opened.sent is None:
            for payment in found:
                _timely(channel, how, payment.time, notification.time)
        return found


def _timely(channel: Channel, how: Format, sent: int, received: int) -> None:
    """Whether it was sent shortly before it was received: a copy that someone sends later is refused."""
    oldest = channel.max_age if channel.max_age is not None else how.max_age
    if sent < received - oldest * SECOND:
        raise RefusedError(
            "stale_notification", f"it was sent more than {oldest} seconds before it was received"
        )
    if sent > received + channel.max_ahead * SECOND:
        raise RefusedError(
            "stale_notification", f"it was sent more than {channel.max_ahead} seconds after it was received"
        )
