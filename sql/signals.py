"""The three OTLP signals, and nothing else: names that ingest, decode and schema share."""

from enum import StrEnum


class Signal(StrEnum):
    """One of OTLP's signals. The value is the word used in tables, metrics, settings and paths."""

    LOGS = "logs"
    TRACES = "traces"
    METRICS = "metrics"
