"""From outside: bytes in the order in which they come. Knows neither flows nor sinks."""
