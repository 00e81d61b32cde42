"""The working folder of a process with the embedded engine."""

from pathlib import Path

from otelhouse import engine_folder


def test_the_data_of_the_engine_is_where_it_works_and_afterwards_it_is_not(tmp_path):
    before = Path.cwd()
    with engine_folder.working_in(tmp_path):
        assert Path.cwd() == tmp_path
    assert Path.cwd() == before


def test_half_a_schema_of_a_process_that_was_killed_is_not_kept(tmp_path):
    schemas = tmp_path / engine_folder.SCHEMAS
    schemas.mkdir()
    (schemas / "half.proto").write_bytes(b"")
    (tmp_path / "store").mkdir()

    with engine_folder.working_in(tmp_path):
        assert [path.name for path in tmp_path.iterdir()] == ["store"]
