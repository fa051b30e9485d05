"""What a text names: payments by their keys, channel/merchant/kind/number, and exceptions by their ids."""

import re

from dashboards.terms import MOVED

_BETWEEN = re.compile(r"([\s,:;()，：；（）]+)")
_EXCEPTION = re.compile(r"ex-[0-9a-f]{32}", re.ASCII)
_KEY = re.compile(rf"[^/]+/[^/]+/(?:{'|'.join(MOVED)})/.+")


def parts(text: str, but: str = "") -> list[tuple[str, bool]]:
    """The whole text in parts, and of each whether it is a payment's key; that of `but` is told as none."""
    return [(part, part != but and _KEY.fullmatch(part) is not None) for part in _BETWEEN.split(text)]


def keys(*texts: str) -> list[str]:
    """Keys of all payments that the texts name."""
    return [part for text in texts for part, key in parts(text) if key]


def is_exception(part: str) -> bool:
    """Whether a part is an exception's id."""
    return _EXCEPTION.fullmatch(part) is not None
