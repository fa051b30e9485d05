"""What is believable. Beyond these an event breaks a rule and becomes a dead letter."""

import re

from schemas.times import DAY, MINUTE

WAYBILL = re.compile(r"[A-Z]{0,4}[0-9]{9,17}", re.ASCII)
"""The shapes seen in the trade: YT…, JT…, or digits alone; 10 to 20 characters."""

MOST_WEIGHT_G = 1_000_000
"""One tonne: the heaviest single piece that a parcel network takes."""
MOST_LENGTH_MM = 5_000
"""Five metres a side: no longer piece goes through a hub, and volumes stay far inside 32 bits."""
MOST_PIECES = 10_000
"""Pieces of one consignment."""
MOST_SERVICES = 16
"""Further services of one parcel or haul."""
MOST_STORED_G = 1_000_000_000
"""A thousand tonnes: the heaviest goods of one stay in a store."""
MOST_STORED_CM3 = 4_000_000_000
"""4,000 m³: the largest goods of one stay in a store."""
MOST_PALLETS = 10_000
"""Pallet places of one stay in a store."""
MOST_SHIPPED = 100_000_000
"""Parcels of one customer in a month."""
MOST_HOURS = 24 * 90
"""Hours that a delivery may be promised within."""
MOST_REFERENCE = 2_048
"""Characters of a reference to a photograph: an address with its signature has some hundreds."""
MOST_IDENTIFIER = 64
"""Characters in an id, code or name on the wire."""

MOST_PARTS = 256
"""Parts in which a tariff book or directory may travel: some 150 MB, compressed."""

AHEAD = 10 * MINUTE
"""How far a device's clock may be ahead of the newest tick."""
HORIZON = 3 * DAY
"""Default age beyond which a fact cannot begin a parcel's record: finished parcels are kept as long, so that a
repeat is always recognised."""
OLDEST = 90 * DAY
"""Default age beyond which no fact is taken, not even about a parcel that is still open; a parcel of which
nothing was heard for as long is given up."""
LEAP = 35 * DAY
"""Default of how far a tick may be ahead of the one before it where Kafka's clock does not bear it out."""
