"""Payment channels: from a raw notification to a payment that is believed, or the reason why it is not."""
