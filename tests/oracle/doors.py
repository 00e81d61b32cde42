"""A migrated database whose tables take any time; for the tests that compare rows with the oracle's."""

import ready_tables
from oracle import decoding
from sql.settings import SchemaSettings


def prepared(store):
    """The same store, its database migrated and its tables without partitions and retention."""
    ready_tables.make(store, SchemaSettings(fsync_inserts=False))
    decoding.without_partitions(store)
    return store
