"""Benchmarks: what a record costs in the ingester and in ClickHouse, beside the floor of the same run."""
