"""The page of the streams' figures is what `otelhouse bench streams` wrote, and the bars hold."""

import json
from pathlib import Path

from bench import stream_report

FIGURES = Path(__file__).parents[2] / "docs" / "figures"
TOLD = json.loads((FIGURES / "streams.json").read_text(encoding="utf-8"))


def test_the_page_is_made_of_the_figures():
    page = (FIGURES / "streams.md").read_text(encoding="utf-8")
    assert page == stream_report.as_markdown(stream_report.read(TOLD), TOLD["machine"])


def test_what_is_read_back_is_what_was_written():
    found = stream_report.read(TOLD)
    assert stream_report.read(json.loads(stream_report.as_json(found))) == found


def test_one_client_has_what_is_stored_in_150_ms_and_99_of_100_events_in_500_ms():
    soon = stream_report.read(TOLD).soon
    assert soon.events >= 100
    assert soon.stored[0] <= 150
    assert soon.stored[1] <= 500


def test_a_page_in_a_browser_has_it_as_soon():
    browser = stream_report.read(TOLD).browser
    assert browser is not None
    assert browser.events >= 100
    assert browser.stored[0] <= 150
    assert browser.stored[1] <= 500


def test_the_page_names_the_command_that_printed_it():
    page = (FIGURES / "streams.md").read_text(encoding="utf-8")
    found = stream_report.read(TOLD)
    first = found.many[0]
    asked = f"--viewers {first.viewers} --rate {found.rate:g} --seconds {found.seconds:g}"
    assert f"`otelhouse bench streams {asked}` measures it again." in page


def test_five_thousand_clients_have_every_event_within_2_s():
    first = stream_report.read(TOLD).many[0]
    assert first.viewers >= 5_000
    assert round(first.rate) >= 5
    assert first.p99_ms <= 2_000


def test_deliveries_a_core_are_told_of_the_highest_load_within_the_bar():
    many = stream_report.read(TOLD).many
    told = [one for one in many if one.p99_ms <= 2_000 and one.complete == one.viewers][-1]
    page = (FIGURES / "streams.md").read_text(encoding="utf-8")
    assert f"\n{1e6 / told.cpu_us:,.0f} deliveries a second a core" in page
    assert f"({told.viewers:,} clients, {told.rate:.1f} events a second)" in page


def test_every_client_had_every_event_and_the_database_was_asked_no_more_for_500():
    found = stream_report.read(TOLD)
    assert found.many[0].viewers >= 5_000
    assert found.many[0].complete == found.many[0].viewers
    one, many = found.asked
    assert (one[0], many[0]) == (1, 500)
    assert many[1] <= one[1] * 1.2
    assert many[2] <= one[2] * 1.2
