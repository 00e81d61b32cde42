"""Where settings come from, which source wins, and how every mistake in them is told."""

import re

import pytest

from otelhouse import configuration
from otelhouse.configuration import ConfigurationError, Given
from otelhouse.setting_keys import setting_keys
from otelhouse.settings import LogLevel, Settings


@pytest.fixture
def file(tmp_path):
    def write(text):
        path = tmp_path / "otelhouse.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def problems(**sources):
    with pytest.raises(ConfigurationError) as caught:
        configuration.load(**sources)
    return caught.value.problems


def origin(loaded, dotted):
    return next(entry.origin for entry in loaded.entries() if entry.key.dotted == dotted)


def test_without_any_source_the_defaults_are_in_force():
    loaded = configuration.load()

    assert loaded.settings == Settings()
    assert {entry.origin for entry in loaded.entries()} == {"default"}


def test_the_environment_beats_the_file_and_a_flag_beats_both(file):
    path = file("query:\n  port: 1\nlog:\n  level: debug\n  format: json\n")
    environ = {"OTELHOUSE_QUERY_PORT": "2", "OTELHOUSE_LOG_LEVEL": "error"}

    loaded = configuration.load(file=path, environ=environ, flags={"query.port": Given("3", "--set")})

    assert loaded.settings.query.port == 3
    assert loaded.settings.log.level is LogLevel.ERROR
    assert loaded.settings.log.format == "json"
    assert origin(loaded, "query.port") == "--set"
    assert origin(loaded, "log.level") == "OTELHOUSE_LOG_LEVEL"
    assert origin(loaded, "log.format") == f"{path}, line 5"
    assert origin(loaded, "query.host") == "default"


def test_the_environment_names_the_file_unless_a_flag_does(file, tmp_path):
    path = file("query: {port: 1}")
    environ = {"OTELHOUSE_CONFIG": str(path)}
    other = tmp_path / "other.yaml"
    other.write_text("query: {port: 2}")

    assert configuration.load(environ=environ).settings.query.port == 1
    assert configuration.load(environ=environ, file=other).settings.query.port == 2


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "query:\n  # port: 8080\n"])
def test_a_file_that_sets_nothing_changes_nothing(file, text):
    assert configuration.load(file=file(text)).settings == Settings()


def test_an_unknown_key_is_refused_with_its_line_and_the_nearest_name(file):
    path = file("query:\n  host: 127.0.0.1\n  prot: 8080\n")

    assert problems(file=path) == (f"query.prot ({path}, line 3): no such setting; did you mean query.port?",)


def test_an_unknown_room_is_refused(file):
    path = file("qery:\n  port: 8080\n")

    assert problems(file=path) == (f"qery ({path}, line 1): no such setting; did you mean query?",)


def test_an_unknown_variable_is_refused_with_the_nearest_name():
    assert problems(environ={"OTELHOUSE_QUERY_PROT": "1"}) == (
        "OTELHOUSE_QUERY_PROT: no such setting; did you mean OTELHOUSE_QUERY_PORT?",
    )


def test_a_variable_that_is_near_to_none_gets_no_name_for_the_beginning_that_all_share():
    assert problems(environ={"OTELHOUSE_FOO": "1"}) == ("OTELHOUSE_FOO: no such setting",)


def test_an_unknown_flag_is_refused_with_the_nearest_name():
    assert problems(flags={"query.pot": Given("1", "--set")}) == (
        "query.pot (--set): no such setting; did you mean query.port?",
    )


def test_variables_of_others_and_of_the_tests_are_left_alone():
    environ = {"PATH": "/bin", "OTELHOUSE_TESTS_NO_SKIP": "1", "OTELHOUSE_CONFIG": ""}

    assert configuration.load(environ=environ).settings == Settings()


def test_what_kubernetes_adds_for_a_service_of_our_name_is_left_alone():
    environ = {
        "OTELHOUSE_SERVICE_HOST": "10.0.0.1",
        "OTELHOUSE_SERVICE_PORT": "4317",
        "OTELHOUSE_SERVICE_PORT_OTLP_GRPC": "4317",
        "OTELHOUSE_PORT": "tcp://10.0.0.1:4317",
        "OTELHOUSE_PORT_4317_TCP": "tcp://10.0.0.1:4317",
        "OTELHOUSE_PORT_4317_TCP_ADDR": "10.0.0.1",
        "OTELHOUSE_INGEST_SERVICE_HOST": "10.0.0.1",
        "OTELHOUSE_QUERY_PORT": "tcp://10.0.0.1:8080",
    }

    assert configuration.load(environ=environ).settings == Settings()


def test_a_port_that_nobody_reads_is_refused_although_kubernetes_has_that_name_too():
    assert len(problems(environ={"OTELHOUSE_PORT": "8080"})) == 1


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("70000", "70000"),
        ("-1", "-1"),
        ("x", '"x"'),
        ("8080.0", "8080.0"),
        ("true", "true"),
        ("", "null"),
        ("017", '"017"'),
    ],
)
def test_a_bad_number_is_refused_with_its_key_its_value_and_what_is_allowed(text, value):
    (problem,) = problems(environ={"OTELHOUSE_QUERY_PORT": text})

    assert problem == (f"query.port (OTELHOUSE_QUERY_PORT): {value} is not allowed, must be an integer from 0 to 65535")


def test_a_number_in_quotes_is_no_number_in_a_file(file):
    path = file('query: {port: "8080"}')

    (problem,) = problems(file=path)

    assert problem.startswith(f'query.port ({path}, line 1): "8080" is not allowed')


def test_a_bad_choice_is_refused_with_all_choices():
    (problem,) = problems(environ={"OTELHOUSE_LOG_LEVEL": "loud"})

    assert problem == (
        'log.level (OTELHOUSE_LOG_LEVEL): "loud" is not allowed, must be one of debug, info, warning, error'
    )


def test_everything_that_is_wrong_is_told_at_once(file):
    path = file("query: {port: 70000, prot: 1}")

    found = problems(file=path, environ={"OTELHOUSE_LOG_LEVEL": "loud", "OTELHOUSE_X": "1"})

    assert {re.split(r"[ :]", problem)[0] for problem in found} == {
        "query.prot",
        "query.port",
        "log.level",
        "OTELHOUSE_X",
    }


def test_a_room_must_be_a_mapping(file):
    path = file("query: 8080")

    assert problems(file=path) == (f"query ({path}, line 1): must be a mapping of settings",)


def test_a_missing_file_is_named(tmp_path):
    path = tmp_path / "none.yaml"

    assert problems(file=path) == (f"{path}: no such settings file",)


def test_a_file_named_by_the_environment_that_is_missing_is_named(tmp_path):
    path = tmp_path / "none.yaml"

    assert problems(environ={"OTELHOUSE_CONFIG": str(path)}) == (f"{path}: no such settings file",)


def test_two_settings_never_share_a_name():
    keys = setting_keys(Settings)

    assert len({key.variable for key in keys}) == len(keys)
    assert len({key.dotted for key in keys}) == len(keys)


def test_no_setting_takes_a_reserved_variable():
    for key in setting_keys(Settings):
        assert not configuration._SERVICE_LINK.fullmatch(key.variable)
        assert key.variable != configuration.CONFIG_VARIABLE
        assert not key.variable.startswith(configuration.TESTS_PREFIX)


def test_every_setting_says_what_it_means():
    for key in setting_keys(Settings):
        assert key.description, f"{key.dotted} has no description"


def test_every_setting_can_be_set_to_its_own_default_from_a_text():
    for entry in configuration.load().entries():
        if entry.key.secret:
            continue
        text = entry.value if isinstance(entry.value, str) else configuration.json.dumps(entry.value)

        loaded = configuration.load(environ={entry.key.variable: text})

        assert loaded.settings == Settings()
        assert origin(loaded, entry.key.dotted) == entry.key.variable


def test_what_a_room_takes_out_of_another_setting_is_told_and_the_password_is_masked():
    loaded = configuration.load(environ={"OTELHOUSE_STORE_URL": "http://me:hunter2@house:8123/db"})

    assert origin(loaded, "store.username") == "another setting"
    assert origin(loaded, "store.password") == "another setting"
    assert "hunter2" not in str([entry.value for entry in loaded.entries()])


@pytest.mark.parametrize("url", ["ftp://me:hunter2@house", "me:hunter2@house", "http://me:hun@ter2@:1"])
def test_a_password_in_a_bad_address_is_not_repeated(url):
    (problem,) = problems(environ={"OTELHOUSE_STORE_URL": url})

    assert "hun" not in problem
    assert "ter2" not in problem
    assert problem.startswith("store")


def test_a_contradiction_between_settings_names_their_room():
    (problem,) = problems(environ={"OTELHOUSE_INGEST_MEMORY_BYTES": "1048576"})

    assert problem.startswith("ingest: memory_bytes (1048576) must be at least twice max_request_bytes")
