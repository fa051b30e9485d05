"""`python -m deploy.embedded.store`."""

from deploy.embedded.store.server import main

main()
