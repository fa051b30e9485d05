"""Schemas → ClickHouse, Kafka and dead letters. Knows neither sources nor flows."""
