"""The page of the streams' figures is what `otelhouse bench streams` wrote."""

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


def test_every_client_had_every_event_and_the_database_was_asked_no_more_for_500():
    found = stream_report.read(TOLD)
    assert found.many[0].viewers >= 5_000
    assert found.many[0].complete == found.many[0].viewers
    one, many = found.asked
    assert (one[0], many[0]) == (1, 500)
    assert many[1] <= one[1] * 1.2
    assert many[2] <= one[2] * 1.2
