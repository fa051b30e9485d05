"""How much is drawn at random: `make test` tries a little of everything, `make soak` twenty times as much."""

import os

TIMES = int(os.environ.get("WAYBOOK_VOLUME", "1"))
