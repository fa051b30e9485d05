"""Real servers for the tests: Mosquitto, Kafka, Chromium, promtool. Started on free ports of 127.0.0.1."""
