"""The three OTLP signals, names that ingest, decode and schema share; and what questions can be about."""

from enum import StrEnum


class Signal(StrEnum):
    """One of OTLP's signals. The value is the word used in tables, metrics, settings and paths."""

    LOGS = "logs"
    TRACES = "traces"
    METRICS = "metrics"


class Subject(StrEnum):
    """What a question can be about: a signal, or the Kubernetes events, which come as logs and have their own table."""

    LOGS = "logs"
    TRACES = "traces"
    METRICS = "metrics"
    EVENTS = "events"
