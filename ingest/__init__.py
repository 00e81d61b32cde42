"""OTLP in: receive, validate, batch, insert, answer honestly. No Python per record on the normal path."""
