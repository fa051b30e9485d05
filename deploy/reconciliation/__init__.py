"""People and payments: what is asked of them, what they decide, why a payment was matched or not."""
