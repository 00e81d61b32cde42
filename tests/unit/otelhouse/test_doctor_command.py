"""`otelhouse doctor`: what it finds, how it says so, and with which exit code. Clusters: tests/acceptance."""

import contextlib
import json
import os
import socket

import pytest
from click.testing import CliRunner

from otelhouse.__main__ import cli
from otelhouse.invocation import Surroundings
from sql.migrate import migrate
from sql.settings import SchemaSettings
from store import engine_lock

CA = "certificate-authority-data"
HERE = "current-context: a\ncontexts: [{name: a, context: {cluster: c, user: u}}]\n"


def doctor(*arguments):
    return CliRunner().invoke(cli, ["doctor", *arguments], obj=Surroundings())


def findings(*arguments):
    result = doctor("--format", "json", *arguments)
    return result.exit_code, [(one["outcome"], one["what"], one["mend"]) for one in _json(result.stdout)]


def _json(text):
    return json.loads(text)


@pytest.fixture
def place(store_settings):
    return [f"--set=store.{key}={getattr(store_settings, key)}" for key in ("url", "path", "database")]


def test_nothing_is_made_where_there_is_nothing(tmp_path):
    result = doctor("--data", str(tmp_path / "none"))

    assert result.exit_code == 0, result.output
    assert f"there is no {tmp_path / 'none'} yet" in result.stdout
    assert "no cluster is asked" in result.stdout
    assert not (tmp_path / "none").exists()


def test_missing_tables_are_a_failure_with_its_mend(place, store):
    code, found = findings("--only", "store", *place)

    assert code == 1
    assert found[0][0] == "ok"
    outcome, what, mend = next(one for one in found if one[1].startswith("missing: "))
    assert (outcome, mend) == ("failed", "otelhouse migrate")
    assert "otel_logs" in what


def test_a_store_with_all_its_tables_is_well(place, store):
    migrate(store, SchemaSettings())

    code, found = findings("--only", "store", *place, "--set=store.low_free_ratio=0", "--set=store.keep_free_bytes=0")

    assert (code, {outcome for outcome, _, _ in found}) == (0, {"ok"}), found
    assert "all tables are there, and of this release" in [what for _, what, _ in found]


def test_a_data_folder_that_others_may_look_into_is_a_warning_with_its_mend(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    folder.chmod(0o755)
    with contextlib.ExitStack() as closing:
        closing.callback(os.close, engine_lock.hold(folder))  # as a running house does
        _, found = findings("--only", "store", "--data", str(folder))
        folder.chmod(0o700)
        _, found_then = findings("--only", "store", "--data", str(folder))

    assert found[0][0] == "warning"
    assert f"other users of this machine may look into {folder}" in found[0][1]
    assert found[0][2].endswith(f"chmod 700 {folder}")
    assert found[1:] == found_then
    assert found_then[0][2] == "if a house holds it, ask that one: GET http://127.0.0.1:8080/readyz"


def test_a_server_that_does_not_answer_is_a_failure():
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"clickhouse://127.0.0.1:{nobody.getsockname()[1]}/"

        result = doctor("--only", "store", "--clickhouse", url)

    assert result.exit_code == 1
    assert result.stdout.startswith("failed   store       ClickHouse at 127.0.0.1")
    assert "-> see that it runs, and `store.url`" in result.stdout
    assert "something does not work, see above" in result.stderr


def test_a_kubeconfig_that_is_not_there_is_a_failure(tmp_path):
    file = tmp_path / "otelhouse.yaml"
    clusters = [{"name": "prod", "kubeconfig": str(tmp_path / "none")}, {"name": "test", "service_account": "/none"}]
    file.write_text(json.dumps({"enrich": {"clusters": clusters}}))

    code, found = findings("--only", "kubernetes", "--config", str(file))

    assert code == 1
    assert found[0] == (
        "failed",
        f"cluster prod: cannot read the kubeconfig {tmp_path / 'none'}: No such file or directory",
        "mend `enrich.clusters`",
    )
    assert found[1][1].startswith("cluster test: cannot use the service account in /none: ")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("contexts: [foo]\ncurrent-context: foo\n", "does not have the shape of one"),
        (
            f"{HERE}users: []\nclusters: [{{name: c, cluster: {{server: 'https://x', {CA}: '!!!x'}}}}]\n",
            "mend the file",
        ),
    ],
)
def test_a_kubeconfig_of_another_shape_is_a_failure(tmp_path, content, words):
    (tmp_path / "kubeconfig").write_text(content)
    file = tmp_path / "otelhouse.yaml"
    clusters = [{"name": "prod", "kubeconfig": str(tmp_path / "kubeconfig")}]
    file.write_text(json.dumps({"enrich": {"clusters": clusters}}))

    code, found = findings("--only", "kubernetes", "--config", str(file))

    assert code == 1
    ((outcome, what, _),) = found
    assert outcome == "failed"
    assert words in what


@pytest.mark.parametrize("check", ["store", "spool"])
def test_a_folder_that_cannot_be_looked_at_is_a_failure(tmp_path, check):
    """A name that is too long is refused by the system as a folder of somebody else's is, to whomever runs this."""
    code, found = findings("--only", check, "--data", str(tmp_path / ("x" * 300) / "data"))

    assert code == 1
    ((outcome, what, _),) = found
    assert outcome == "failed"
    assert "File name too long" in what


def test_a_check_that_does_not_exist_is_a_misuse():
    result = doctor("--only", "nonsense")

    assert result.exit_code == 2
    assert "no check is called nonsense; take doors, spool, store, kubernetes" in result.stderr
