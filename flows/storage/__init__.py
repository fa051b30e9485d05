"""Goods in a store (在库): a stay's facts, the price of each of its days, its charges, what it waits for.

Pure but for the loop over a block (`process`): events in, charges out, by the stay's own record alone.
"""
