"""`python -m deploy.embedded.mqtt`."""

from deploy.embedded.mqtt.server import main

main()
