"""SQL that makes a fleet's telemetry inside ClickHouse, for `bench.question_benchmark`."""
