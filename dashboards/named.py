"""Payments that a text names, by their keys: channel/merchant/kind/number."""

import re

from dashboards.terms import MOVED

_BETWEEN = re.compile(r"([\s,:;()，：；（）]+)")
_KEY = re.compile(rf"[^/]+/[^/]+/(?:{'|'.join(MOVED)})/.+")


def parts(text: str, but: str = "") -> list[tuple[str, bool]]:
    """The whole text in parts, and of each whether it is a payment's key; that of `but` is told as none."""
    return [(part, part != but and _KEY.fullmatch(part) is not None) for part in _BETWEEN.split(text)]
