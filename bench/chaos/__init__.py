"""Faults on purpose: what otelhouse promises is tried out, on real processes, with senders that keep book."""
