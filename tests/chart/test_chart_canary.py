"""The chart's canary: a job of some beats, one job after the other, with no minute without a beat."""

import pytest
from rendered_chart import CHART, RELEASE, RefusedError, of_kind, rendered, template, the

from bench import helm_binary
from canary.settings import CanarySettings
from otelhouse import canary_command, canary_ways, configuration

pytestmark = pytest.mark.helm

TOKENS = "canary.tokenSecret.name=otelhouse-canary"
MINUTE = 60


def cron_job(*words):
    (found,) = of_kind(template("--set", TOKENS, *(f"--set={one}" for one in words)), "CronJob")
    return found["spec"]


def arguments(spec):
    (container,) = spec["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    return container["args"]


def test_a_job_beats_until_the_next_one_begins_and_is_given_the_time_for_it():
    spec = cron_job()
    command, *options = arguments(spec)
    told = canary_command.canary.make_context(command, options, resilient_parsing=True).params
    settings = CanarySettings()

    between = int(spec["schedule"].removeprefix("*/").split()[0]) * MINUTE
    assert between == told["beats"] * settings.period_s
    start_of_a_pod = 30
    assert spec["jobTemplate"]["spec"]["activeDeadlineSeconds"] > between + settings.give_up_s + start_of_a_pod


def test_a_job_that_ends_late_costs_no_run_and_two_never_beat_at_once():
    spec = cron_job()

    assert spec["concurrencyPolicy"] == "Forbid"
    assert spec["startingDeadlineSeconds"] == 10 * MINUTE, "a time of the schedule that passed meanwhile still counts"
    assert cron_job("canary.beats=1", "settings.canary.period_s=2")["startingDeadlineSeconds"] == 10, (
        "Kubernetes's least"
    )


def fate(exit_code, *, disrupted=False):
    """What becomes of a pod that failed so, as the Job's controller decides it."""
    job = cron_job()["jobTemplate"]["spec"]
    assert job["template"]["spec"]["restartPolicy"] == "Never", "podFailurePolicy asks for it"
    for rule in job["podFailurePolicy"]["rules"]:
        if "onExitCodes" in rule:
            assert rule["onExitCodes"]["operator"] == "In"
            assert rule["onExitCodes"]["containerName"] == job["template"]["spec"]["containers"][0]["name"]
            fits = exit_code in rule["onExitCodes"]["values"]
        else:
            fits = disrupted and {"type": "DisruptionTarget", "status": "True"} in rule["onPodConditions"]
        if fits:
            return rule["action"]
    return "Count" if job["backoffLimit"] else "FailJob"


@pytest.mark.parametrize("exit_code", [1, 2, 137, 143])
def test_a_pod_that_a_drain_took_is_made_again_and_costs_nothing(exit_code):
    assert fate(exit_code, disrupted=True) == "Ignore"


def test_a_broken_leg_ends_the_job_and_a_process_that_was_killed_is_tried_again():
    assert fate(1) == "FailJob"
    assert fate(2) == "FailJob"
    assert fate(137) == "Count"


@pytest.mark.parametrize(
    ("words", "needed"),
    [
        ("canary.deadlineSeconds=599", 600),
        ("canary.beats=30", 1800),
        ("settings.canary.period_s=180", 1800),
    ],
)
def test_a_deadline_before_the_last_beat_is_refused_with_the_mend(words, needed):
    with pytest.raises(RefusedError) as refused:
        cron_job(words)

    assert f"{needed} s: set it to {needed + 120} or more" in str(refused.value)


def test_a_deadline_of_just_the_beats_is_taken():
    assert cron_job("canary.deadlineSeconds=600")["jobTemplate"]["spec"]["activeDeadlineSeconds"] == 600


@pytest.mark.parametrize("words", ["canary.beats=0", "canary.beats=many", "canary.deadlineSeconds=1"])
def test_other_numbers_are_refused_by_the_schema(words):
    with pytest.raises(RefusedError, match="specifications of the schema"):
        cron_job(words)


# What the house knows of it


def in_force(folder, *words):
    objects = template(*(f"--set={one}" for one in words))
    (config,) = [one for one in of_kind(objects, "ConfigMap") if "otelhouse.yaml" in one.get("data", {})]
    file = folder / "otelhouse.yaml"
    file.write_text(config["data"]["otelhouse.yaml"], encoding="utf-8")
    return configuration.load(file=file).settings


def test_the_house_misses_the_canary_only_where_it_runs(tmp_path):
    assert in_force(tmp_path, TOKENS).canary.enabled
    for words in ("canary.enabled=true", f"{TOKENS},canary.enabled=false", f"{TOKENS},ingest.enabled=false"):
        assert not in_force(tmp_path, words).canary.enabled, words
    with pytest.raises(RefusedError, match=r"settings\.canary\.enabled is the chart's: set canary\.enabled instead"):
        template("--set", "settings.canary.enabled=false")


@pytest.mark.parametrize(
    ("words", "clusters"),
    [
        ("collectors.clusterName=prod", ("prod",)),
        ("collectors.clusterName=prod,settings.canary.clusters={a,b}", ("a", "b")),
        ("collectors.clusterName=prod,settings.enrich.cluster.name=own", ("own",)),
    ],
)
def test_it_sends_for_the_clusters_that_the_settings_name_or_else_for_the_collectors(words, clusters, tmp_path):
    assert canary_ways.clusters(in_force(tmp_path, TOKENS, words)) == clusters


def test_clusters_that_are_asked_for_their_objects_keep_their_names(tmp_path):
    words = ("collectors.clusterName=prod", "settings.enrich.clusters[0].name=other")

    assert in_force(tmp_path, TOKENS, *words).canary.clusters == ()


# Alarms and notes


def alarms(*words):
    objects = template("--set", "prometheusRule.enabled=true", *(f"--set={one}" for one in words))
    (rules,) = of_kind(objects, "PrometheusRule")
    return {group["name"]: [rule["alert"] for rule in group["rules"]] for group in rules["spec"]["groups"]}


def test_beats_that_nobody_tells_of_give_alarm_only_where_the_canary_runs():
    (rules,) = of_kind(rendered("everything"), "PrometheusRule")
    (missing,) = [rule for rule in rules["spec"]["groups"][0]["rules"] if rule["alert"] == "OtelhouseCanaryMissing"]
    with_canary, without = alarms(TOKENS), alarms()

    assert missing["expr"] == "absent(otelhouse_canary_last_beat_timestamp_seconds)"
    assert with_canary["otelhouse-canary"] == [*without["otelhouse-canary"], "OtelhouseCanaryMissing"]
    assert {**with_canary, "otelhouse-canary": []} == {**without, "otelhouse-canary": []}


def notes(*words):
    where = ("--namespace", "o11y", "--dry-run=client")
    done = helm_binary.run("install", RELEASE, CHART, *where, *(f"--set={one}" for one in words))
    assert done.returncode == 0, done.stderr
    return done.stdout.partition("NOTES:")[2]


def test_the_notes_name_its_secret_or_warn_that_there_is_no_canary():
    assert "otelhouse-canary (ingest, read): an ingest token" in notes(TOKENS)
    assert "WARNING: no canary" not in notes(TOKENS)
    assert "WARNING: no canary proves that telemetry gets through" in notes()
    assert "no canary" not in notes("canary.enabled=false")


def test_its_tokens_come_from_the_secret():
    (container,) = the(template("--set", TOKENS), "CronJob", "otelhouse-canary")["spec"]["jobTemplate"]["spec"][
        "template"
    ]["spec"]["containers"]
    named = {one["name"]: one["valueFrom"]["secretKeyRef"] for one in container["env"] if "TOKEN" in one["name"]}

    assert named == {
        "OTELHOUSE_CANARY_INGEST_TOKEN": {"name": "otelhouse-canary", "key": "ingest"},
        "OTELHOUSE_CANARY_READ_TOKEN": {"name": "otelhouse-canary", "key": "read"},
    }
