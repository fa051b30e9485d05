"""The receiver of notifications over HTTP: it writes them to Kafka as they are, and only then says that it has them."""
