"""What people look at: the built-in live page, and Grafana's dashboards with the code that makes them."""
