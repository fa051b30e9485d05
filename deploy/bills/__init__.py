"""Bills into Kafka: dropped files and channels' downloads, each verified and sent once."""
