"""A migrated database whose tables take any time; for the tests that compare rows with the oracle's."""

import ready_tables
from oracle import decoding


def prepared(store):
    """The same store, its database migrated and its tables without partitions and retention."""
    ready_tables.make(store)
    decoding.without_partitions(store)
    return store
