"""Kafka's and MQTT's topics: their names, keys and who writes them.

Topics with the same number of partitions and the same key lie together: partition p of `ORDERS` and of
`DEVICES` holds the same waybills, provided that producers use Java's murmur2 partitioner (librdkafka:
`partitioner=murmur2_random`).
"""

import msgspec


class Topic(msgspec.Struct, frozen=True):
    """A Kafka topic. `partitioned` topics have the network's number of partitions, the others one."""

    name: str
    key: str
    partitioned: bool
    description: str


ORDERS = Topic(
    "waybook.orders",
    "waybill",
    True,
    "Consignments, claims about them, what people decide about their weights, and parcels recalled from the books",
)
DEVICES = Topic("waybook.devices", "waybill", True, "Normalised scans and weights, from the device flow")
STAYS = Topic(
    "waybook.stays",
    "stay",
    True,
    "Goods that enter a store, are measured or moved in it, leave, and are hauled",
)
DEAD_LETTERS = Topic("waybook.dead-letters", "id", True, "Input that broke a rule before a lane, and replays")
CONTROL = Topic(
    "waybook.control", "", False, "What is published: tariff books, network directories, transfers of outlets"
)
TICKS = Topic("waybook.ticks", "", False, "The passing of time")
POSTINGS = Topic("waybook.postings", "party", True, "What other flows booked, for the accounts flow")
COMMANDS = Topic("waybook.commands", "subject", True, "Changes that people ask for")
ANSWERS = Topic("waybook.answers", "id", True, "What became of commands, from the accounts flow")
QUERIES = Topic("waybook.queries", "subject", True, "Facts that a lane asks for")

RECEIVABLES = Topic(
    "waybook.receivables", "group", True, "What is owed to us and what we owe, and what is cancelled"
)
BILLS = Topic("waybook.bills", "group", True, "Channels' verified bills, line by line")
DECISIONS = Topic(
    "waybook.payment-decisions", "group", True, "What people decide about payments, exceptions and closes"
)
PAYMENT_CONTROL = Topic(
    "waybook.payment-control", "", False, "What is published: channels, merchants and matching rules"
)
DEDUCTIONS = Topic(
    "waybook.deductions",
    "group",
    True,
    "Whether dues were deducted from virtual accounts, from the accounts flow",
)
STATUSES = Topic(
    "waybook.order-status", "document", True, "What is paid of each document, for the business systems"
)
INVOICES = Topic("waybook.invoices", "document", True, "E-invoices that are due")


def notifications(channel: str) -> Topic:
    """The topic of a channel's notifications, as the channel sent them."""
    return Topic(
        f"waybook.notifications.{channel}", "group", True, f"What {channel} notified us of, unverified"
    )


CHANNELS = ("wechat", "alipay", "unionpay", "bank", "other")
"""Channels that have a topic everywhere; further ones are settings (`payment_channels`)."""
NOTIFICATIONS = tuple(map(notifications, CHANNELS))

TOPICS = (
    *(ORDERS, DEVICES, STAYS, DEAD_LETTERS, CONTROL, TICKS, POSTINGS, COMMANDS, ANSWERS, QUERIES),
    *(RECEIVABLES, BILLS, DECISIONS, PAYMENT_CONTROL, DEDUCTIONS, STATUSES, INVOICES, *NOTIFICATIONS),
)

_BY_NAME = {topic.name: topic for topic in TOPICS}
_NOTIFIED = notifications("").name
_OF_PAYMENTS = {RECEIVABLES.name, BILLS.name, DECISIONS.name, PAYMENT_CONTROL.name, DEDUCTIONS.name}


def named(name: str) -> Topic:
    """The topic of a name; one that is none of ours has no key and no partitions."""
    if name.startswith(_NOTIFIED):
        return notifications(name.removeprefix(_NOTIFIED))
    return _BY_NAME.get(name, Topic(name, "", partitioned=False, description=""))


def is_ours(name: str) -> bool:
    """Whether a topic is one of these, or of a further channel's notifications."""
    return name in _BY_NAME or name.startswith(_NOTIFIED)


def of_payments(name: str) -> bool:
    """Whether only the payments lanes read a topic: what they refuse of it is kept sealed, payers may stand in it."""
    return name in _OF_PAYMENTS or name.startswith(_NOTIFIED)


PARTITIONER = "murmur2_random"

MQTT_ROOT = "waybook/devices"
"""Devices publish to `waybook/devices/{dialect}/{site}/{device}`."""
MQTT_FILTER = f"{MQTT_ROOT}/#"
MQTT_ANSWERS = "waybook/answers"
"""Who asked over MQTT is answered on `waybook/answers/{site}/{device}`."""
