"""A small shop in a Kubernetes cluster, half an hour of its telemetry, and a fault to be found in it.

`shop` says who is there, `traffic` what customers do and what goes wrong, `telemetry` tells it through the
OpenTelemetry SDK, `cluster_events` adds what Kubernetes saw, and `sending` exports it over OTLP as any
application would. The same seed at the same moment gives the same telemetry, but for the exemplars that the SDK picks.
"""
