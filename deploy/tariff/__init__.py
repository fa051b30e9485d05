"""`waybook tariff`: what pricing staff do with tariff books from a terminal."""
