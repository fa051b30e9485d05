"""From charges to journal rows: the chart of accounts, the posting rules and the double entry, in columns."""
