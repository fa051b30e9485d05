"""A simulated parcel network: seeded, believable, and aware of the truth.

    python -m sources.network --truth DIR --tariff DIR [--rate R] [--seconds S | --parcels N] [--faults none]

`directory` lays out outlets and hubs over China; `life` makes a parcel's events; `devices` spells them as real
devices do; `faults` spoils some of them; `stage` publishes everything through the brokers in simulated time and
writes down what must come of it (`truth`).
"""
