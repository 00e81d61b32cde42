"""A migrated database whose tables take any time; for the tests that compare rows with the oracle's."""

from oracle import decoding
from sql.migrate import migrate
from sql.settings import SchemaSettings


def prepared(store):
    """The same store, its database migrated and its tables without partitions and retention."""
    migrate(store, SchemaSettings())
    decoding.without_partitions(store)
    return store
