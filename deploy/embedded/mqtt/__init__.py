"""An MQTT 5 broker for a trial, in memory: durable sessions that redeliver, shared subscriptions, QoS 0 and 1.

    python -m deploy.embedded.mqtt --port-file FILE

It exists because the brokers among Python packages do not keep the one promise that Waybook builds on: what a
client has not acknowledged comes again when its session resumes. `packets` is the wire format, `sessions`
keeps what clients are owed, `server` is the network. It has no QoS 2, no retained messages or wills, no users,
and forgets everything when it ends. In production Mosquitto, EMQX or any MQTT 5 broker takes its place.
"""
