"""Names for people: what codes mean in Chinese and English."""

from datetime import datetime, timedelta

from schemas.events import OPERATIONS
from schemas.reasons import ANOMALY, DEAD_LETTER, WAITING
from schemas.times import SHANGHAI_OFFSET

FEES = {
    "freight": ("运费", "freight"),
    "waybill": ("面单费", "waybill fee"),
    "transit": ("中转费", "transit fee"),
    "delivery_collected": ("派费代收", "delivery fee, collected"),
    "delivery_paid": ("派费", "delivery fee, paid on"),
    "delivery": ("派费", "delivery fee"),
}
CASES = {
    "opened": ("待裁决", "waits for a decision"),
    "changed": ("待裁决", "waits for a decision"),
    "decided": ("已裁决", "decided"),
    "closed": ("已关闭", "closed"),
}
TREATMENTS = {
    "charge": ("照计", "charged by the weight that counts"),
    "provisional": ("暂计", "charged provisionally"),
    "wait": ("缓计", "not charged until it is decided"),
}
BREACHES = {
    "open": ("未关闭", "open"),
    "closed": ("已关闭", "closed by a scan"),
    "final": ("定案", "final: the scan never came"),
}
SHANGHAI = timedelta(milliseconds=SHANGHAI_OFFSET)
REASONS = {**DEAD_LETTER, **ANOMALY, **WAITING}
ADOPTED = {
    "first": ("首次采信", "the first that may be adopted"),
    "better": ("更可信的称重", "a more trusted weighing"),
    "decided": ("人工裁决", "decided by a person"),
    "deadline": ("期满仍无称重，采信申报重量", "no weighing by the deadline: the declared weight"),
}


def what(event: dict[str, object]) -> str:
    """An event in Chinese."""
    if event["kind"] == "scan":
        return OPERATIONS.get(str(event["operation"]), str(event["operation"]))
    return {"order": "下单", "weight": "称重"}.get(str(event["kind"]), str(event["kind"]))


def shanghai(time: datetime) -> str:
    """A time of the books (UTC) as people in China read it, to the second."""
    return f"{time + SHANGHAI:%Y-%m-%d %H:%M:%S}"


def readable(raw: object) -> str:
    """Bytes as they came, as far as they are text."""
    return raw.decode(errors="replace") if isinstance(raw, bytes) else str(raw)
