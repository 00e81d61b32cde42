"""Which of ClickHouse's disks are watched: those that the house's tables may lie on."""

import pytest

from otelhouse import disk_watch
from sql.migrate import migrate
from sql.settings import SchemaSettings
from store.opening import open_store
from store.settings import StoreSettings

CONFIG = """
<clickhouse>
  <user_directories><users_xml><path>config.xml</path></users_xml></user_directories>
  <profiles><default/></profiles>
  <quotas><default/></quotas>
  <users><default><password></password><networks><ip>127.0.0.1</ip></networks><profile>default</profile></default></users>
  <storage_configuration>
    <disks><backups><path>{folder}/</path></backups></disks>
    <policies><elsewhere><volumes><only><disk>backups</disk></only></volumes></elsewhere></policies>
  </storage_configuration>
</clickhouse>
"""


@pytest.mark.parametrize("with_tables", [False, True])
def test_the_disk_of_our_tables_is_watched_before_and_after_they_are_made(store, with_tables):
    if with_tables:
        migrate(store, SchemaSettings())
    (disk,) = disk_watch.read(store)
    assert disk.name == "default"
    assert 0 < disk.free <= disk.total


@pytest.mark.server
def test_a_disk_that_no_table_of_ours_lies_on_is_none_of_our_business(start_clickhouse, tmp_path):
    server = start_clickhouse(CONFIG.format(folder=tmp_path))
    store = open_store(StoreSettings(url=server.url))
    try:
        assert [disk.name for disk in disk_watch.read(store)] == ["default"]
    finally:
        store.close()
