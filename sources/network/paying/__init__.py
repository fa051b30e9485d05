"""Customers who pay: what they owe, how they pay it through all channels, and what goes wrong with that.

`merchants` says who is paid where; `case` is one affair, of which `stories` has every kind, told in a few lines; `told`
makes what channels say of it, signed and encrypted as they do; `customers` lets it happen as time passes; `ledger`
keeps the truth; `mornings` writes channels' bills.
"""
