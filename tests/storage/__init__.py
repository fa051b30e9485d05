"""Tests of goods in stores."""
