"""From the content of a verified notification to a payment, by the shape that fits it."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from schemas.limits import MOST_IDENTIFIER
from schemas.payments import Payment
from schemas.times import DAY, SECOND
from sources.channels import fields
from sources.channels.bodies import Content
from sources.channels.model import Channel, Merchant, Shape
from sources.channels.read import built_in
from sources.channels.refused import RefusedError
from sources.channels.tokens import Tokens

Meaning = TypeVar("Meaning")
MOST_DAYS = 400
"""A payment that is said to be older than this when it is notified is none of ours."""


class Decoder:
    """Reads the contents of one channel's notifications."""

    def __init__(self, channel: Channel, tokens: Tokens) -> None:
        self._channel = channel
        self._tokens = tokens
        self._merchants = {merchant.number: merchant for merchant in channel.merchant}
        self._shapes = [_Reader(shape) for shape in (*channel.shape, *built_in(channel.format))]

    def payment(self, content: Content, group: str, received: int, own: Sequence[Merchant] | None) -> Payment:
        """The payment that a content tells of. `own`: merchants whose key opened it; None: the key says nothing.

        Raises RefusedError.
        """
        shape = next((one for one in self._shapes if one.fits(content)), None)
        if shape is None:
            raise RefusedError("unknown_type", "it tells of nothing that this channel's shapes know")
        merchant = self._merchant(shape, content, group)
        if own is not None and merchant not in own:
            raise RefusedError("unknown_merchant", "it was encrypted for another merchant")
        return self._filled(shape, content, merchant, received)

    def _merchant(self, shape: "_Reader", content: Content, group: str) -> Merchant:
        merchant = self._merchants.get(shape.needed(content, shape.merchant))
        if merchant is None:
            raise RefusedError(
                "unknown_merchant", f"{shape.merchant.name} is none of the channel's merchants"
            )
        if merchant.group != group:
            raise RefusedError("unknown_merchant", f"the merchant is not of group {group}")
        if merchant.apps and shape.app is not None and shape.needed(content, shape.app) not in merchant.apps:
            raise RefusedError("unknown_merchant", f"{shape.app.name} is none of the merchant's apps")
        return merchant

    def _filled(self, shape: "_Reader", content: Content, merchant: Merchant, received: int) -> Payment:
        of, rules = shape.text, shape.shape
        payer = next(filter(None, (of(content, one).strip() for one in shape.payer)), "")
        clean = self._cleaner(payer)
        time_field, when = shape.first(content, shape.time)
        time = fields.time(time_field, when, rules.time_format, shape.offset)
        if time > received + self._channel.max_ahead * SECOND:
            raise RefusedError("time_in_future", f"{time_field} is later than when it was received")
        if time < received - MOST_DAYS * DAY:
            raise RefusedError("time_too_old", f"{time_field} is more than {MOST_DAYS} days ago")
        currency = "CNY"
        if shape.currency is not None and (code := of(content, shape.currency)):
            currency = fields.currency_of(shape.currency.name, code)
        amount = fields.amount(shape.amount.name, shape.needed(content, shape.amount), rules.unit, currency)
        if not amount:
            raise RefusedError("amount_out_of_range", f"{shape.amount.name} is nothing")
        fee = of(content, shape.fee) if shape.fee is not None else ""
        settled = of(content, shape.settled) if shape.settled is not None else ""
        backwards = rules.kind in ("refund", "chargeback")
        text = " ".join(filter(None, (fields.readable(of(content, one)) for one in shape.texts)))
        return Payment(
            channel=self._channel.name,
            merchant=merchant.called,
            group=merchant.group,
            number=self._number(shape, content, clean),
            kind=rules.kind,
            state=shape.word(content, shape.state, rules.states, "success"),
            amount_e4=amount,
            time=time,
            direction=shape.word(content, shape.direction, rules.directions, "out" if backwards else "in"),
            order=_identifier(shape.order, of(content, shape.order), clean)
            if shape.order is not None
            else "",
            original=self._joined(shape.original, content, shape, clean),
            currency=currency,
            fee_e4=fields.amount(shape.fee.name, fee, rules.unit, currency) if shape.fee and fee else None,
            payer=self._tokens.token(payer) if payer else "",
            text=clean(text)[: fields.MOST_TEXT],
            settled=fields.settled(shape.settled.name, settled, time) if shape.settled and settled else None,
        )

    def _cleaner(self, payer: str) -> Callable[[str], str]:
        """What takes cards' numbers, and the payer's identifier itself, out of a text."""
        scrub, token = self._tokens.scrub, self._tokens.token
        if len(payer) < 6:
            return scrub
        return lambda text: scrub(text.replace(payer, token(payer)) if payer in text else text)

    def _number(self, shape: "_Reader", content: Content, clean: Callable[[str], str]) -> str:
        for one in shape.number:
            shape.needed(content, one)
        return self._joined(shape.number, content, shape, clean)

    def _joined(
        self, paths: Sequence["_Path"], content: Content, shape: "_Reader", clean: Callable[[str], str]
    ) -> str:
        parts = [_identifier(one, shape.text(content, one), clean) for one in paths]
        return fields.identifier("the number", "/".join(parts)) if all(parts) else ""


def _identifier(path: "_Path", value: str, clean: Callable[[str], str]) -> str:
    return clean(fields.identifier(path.name, value.strip()))[:MOST_IDENTIFIER]


class _Path:
    """A field's name and the steps to it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.steps = name.split(".")


class _Reader:
    """A shape, its paths split once."""

    def __init__(self, shape: Shape) -> None:
        def one(name: str) -> _Path | None:
            return _Path(name) if name else None

        def several(names: Sequence[str]) -> list[_Path]:
            return [_Path(name) for name in names]

        self.shape = shape
        self.has = several(shape.has)
        self.when = [(_Path(name), words) for name, words in shape.when.items()]
        self.merchant, self.amount = _Path(shape.merchant), _Path(shape.amount)
        self.app, self.order, self.fee = one(shape.app), one(shape.order), one(shape.fee)
        self.currency, self.settled = one(shape.currency), one(shape.settled)
        self.state, self.direction = one(shape.state), one(shape.direction)
        self.number, self.original = several(shape.number), several(shape.original)
        self.time, self.payer, self.texts = several(shape.time), several(shape.payer), several(shape.text)
        self.offset = fields.offset_of(shape.zone)

    def fits(self, content: Content) -> bool:
        """Whether a content is of this shape."""
        return all(self.text(content, one) for one in self.has) and all(
            self.text(content, one) in words for one, words in self.when
        )

    @staticmethod
    def text(content: Content, path: _Path) -> str:
        """A field's text; empty: it is not there."""
        found: object = content
        for step in path.steps:
            if not isinstance(found, dict):
                return ""
            found = found.get(step)
        if found is None:
            return ""
        if not isinstance(found, str):
            raise RefusedError("field_unreadable", f"{path.name} is no text and no number")
        return found

    def needed(self, content: Content, path: _Path) -> str:
        """A field's text, which must not be empty."""
        if not (found := self.text(content, path).strip()):
            raise RefusedError("field_missing", f"{path.name} is missing")
        return found

    def first(self, content: Content, paths: Sequence[_Path]) -> tuple[str, str]:
        """The first of several fields that is filled in: (name, text)."""
        for path in paths:
            if found := self.text(content, path):
                return path.name, found
        raise RefusedError("field_missing", f"{paths[0].name} is missing")

    def word(
        self, content: Content, path: _Path | None, words: Mapping[str, Meaning], default: Meaning
    ) -> Meaning:
        """What one of the channel's words means."""
        if path is None:
            return default
        found = words.get(self.needed(content, path))
        if found is None:
            raise RefusedError("field_unreadable", f"{path.name} has a word that is not known")
        return found
