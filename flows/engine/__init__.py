"""What makes a dataflow exact and fast: all that Waybook knows about Bytewax, and nothing about parcels.

A *lane* is one single-worker Bytewax process that owns some partitions (`lane`). It cuts its input into
*planned blocks* (`source`, `plans`), keeps its records in a *ring of segments* (`ring`), lets time pass by
ticks (`timers`), inserts each block's rows exactly once (`sink`), and talks to other flows by numbered
messages (`messages`). `crash` names the points at which the tests kill it.
"""
