"""Tests of what pricing staff do with tariff books."""
