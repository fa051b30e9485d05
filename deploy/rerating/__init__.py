"""Charges in the store, priced again: what-if, what a publication would change, drafts beside live traffic."""
