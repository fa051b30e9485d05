"""Tests of `waybook recall`."""
