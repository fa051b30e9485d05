"""Reconciliation: which payment pays what, and what does not agree. Values in, values out."""
