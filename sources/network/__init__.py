"""A simulated parcel network: seeded, believable, and aware of the truth.

    python -m sources.network --truth DIR --tariff DIR [--rate R] [--seconds S | --parcels N] [--faults none]

`directory` lays out outlets and hubs over China, `parties` says who else there is; `trade` has customers and what
they agree on, `life` makes a parcel's facts and how it ends; `devices` spells them as real devices do; `faults` says
what goes wrong and how often, `desk` what people claim and decide afterwards, `script` turns all that into messages
with their fates; `stage` publishes those through the brokers in simulated time, no faster than the books (`pace`,
`lag`), and writes down what must come of each (`truth`).

What is sent depends on the seed, the outlets, the rate, the speed and the faults alone, never on the clock. It
always begins on the same simulated day with the same numbers, so it is for brokers and books that begin empty.
"""
