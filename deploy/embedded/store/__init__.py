"""ClickHouse's engine in a Python process (chDB) behind ClickHouse's HTTP interface.

To sinks, SQL clients and Grafana it looks like a server: `server` speaks HTTP, `request` reads what a client
sent, `engine` executes it, `handshake` answers the one question that a native-protocol client asks first.
"""
