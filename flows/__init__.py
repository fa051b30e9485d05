"""The four dataflows and what they are made of. Only they, `engine` and `steps` know Bytewax."""
