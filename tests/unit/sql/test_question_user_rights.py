"""The ClickHouse user for questions may read what questions read, and nothing else."""

import re
from xml.etree import ElementTree as ET

import pytest

from otelhouse import query_user_command
from sql import question_user
from sql.catalogue import load_catalogue
from sql.question_user import Bounds, QuestionUser
from sse_proxy import statements as of_streams
from store import statements

HASH = "a" * 64
BOUNDS = Bounds(30, 512, 1024, 50_001, 16)
USER = QuestionUser("asker", HASH, "telemetry", BOUNDS)
OF_SYSTEM = re.compile(r"(?:FROM|JOIN|cluster\('\w+',)\s+system\.(\w+)")


@pytest.mark.parametrize("cluster", ["", "house"])
def test_the_tables_of_system_are_those_that_questions_read(cluster):
    asked = [question.statement({}) for question in load_catalogue(cluster=cluster).values()]

    assert {name for sql in asked for name in OF_SYSTEM.findall(sql)} == set(question_user.SYSTEM_TABLES)


def test_the_statements_give_the_user_nothing_but_reading():
    text = question_user.as_sql(USER)

    grants = [line for line in text.splitlines() if line.startswith("GRANT")]
    assert grants[0] == "GRANT SELECT ON telemetry.* TO asker;"
    assert all(re.match(r"GRANT SELECT(\(.*\))? ON (telemetry|system)\.\S+ TO asker;$", grant) for grant in grants)
    assert "readonly = 2 CONST" in text
    assert "max_result_rows = 50001 MIN 1 MAX 50001" in text


def test_the_file_says_the_same_as_the_statements():
    root = ET.fromstring(question_user.as_xml(USER))  # noqa: S314 - our own text
    user, profile = root.find("users/asker"), root.find("profiles/asker_profile")

    granted = [one.text for one in user.iterfind("grants/query")]
    assert granted == [f"GRANT {right}" for right in question_user.rights("telemetry")]
    said = re.search(r"SETTINGS\n(.*?);", question_user.as_sql(USER), re.DOTALL)[1]
    pairs = re.findall(r"(\w+) = '?(\w+)'?", said)
    assert {one.tag: one.text for one in profile if one.tag != "constraints"} == dict(pairs)
    bound = {line.split()[0] for line in said.splitlines() if re.search(r"CONST|MAX", line)}
    assert {one.tag for one in profile.find("constraints")} == bound


def test_in_a_cluster_it_may_look_at_the_other_nodes_and_at_its_own_part():
    alone, in_cluster = (set(question_user.rights("`otel`", cluster)) for cluster in ("", "house"))

    assert in_cluster - alone == {
        "SELECT ON `otel_shard`.*", "SELECT ON system.clusters", "SELECT ON system.one", "READ ON REMOTE",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "database", "digest"), [("a b", "d", HASH), ("a", "d`e", HASH), ("a", "d", "A" * 64), ("", "d", HASH)]
)
def test_names_with_signs_in_them_and_what_is_no_hash_are_refused(name, database, digest):
    with pytest.raises(ValueError, match=r"letters|hexadecimal"):
        QuestionUser(name, digest, database, BOUNDS)


def test_the_profile_allows_for_every_union_that_the_house_says():
    ours = [question.statement({}) for question in load_catalogue().values()]
    ours += [of_streams.statement(f"{feed}_census") for feed in ("events", "logs", "spans")]

    assert max(map(statements.members, ours)) == query_user_command.MEMBERS
