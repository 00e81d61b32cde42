"""What `composition_events` answers: all that a row of the old /events contract needs."""

from answers import found, the
from cluster_scene import at, event, flat, tell


def test_an_event_has_all_that_the_old_contract_shows(desk, put):
    tell(put, [event(-30, count=3, first=-90, composition="c1", container="app"), event(1, composition="c2"), event(2)])

    reply = desk.ask("composition_events", {"composition": "c1"})

    columns = ("api_version", "kind", "name", "namespace", "uid", "reason", "message", "type", "source_component")
    assert found(reply, *columns) == [
        ("v1", "Pod", "api-1", "shop", "uid of api-1", "BackOff", "BackOff of api-1", "Warning", "kubelet")
    ]
    assert found(reply, "first_seen", "last_seen", "count", "composition", "source_host") == [
        ("2026-01-01T11:58:30.000000000Z", "2026-01-01T11:59:30.000000000Z", 3, "c1", "node-1")
    ]


def test_what_is_about_the_composition_itself_belongs_to_it_unlabelled(desk, put):
    root = {"kind": "Shop", "api_version": "composition.krateo.io/v1", "name": "shop", "object_uid": "c1"}
    tell(put, [event(1, "Created", **root), event(2, composition="c1"), event(3, name="other")])

    assert the(desk.ask("composition_events", {"composition": "c1"}), "kind") == ["Pod", "Shop"]


def test_an_event_whose_composition_only_one_collector_found_is_there_once(desk, put):
    one = event(-30, composition="c1")
    tell(put, [{**one, "LogAttributes": {}}])
    tell(put, [one, flat(-30, one)])

    assert the(desk.ask("composition_events", {"composition": "c1"}), "reason") == ["BackOff"]


def test_the_newest_fifty_are_kept_and_the_cut_is_told(desk, put):
    tell(put, [event(n, f"R{n}", composition="c1") for n in range(60)])

    reply = desk.ask("composition_events", {"composition": "c1"})

    assert (the(reply, "reason"), reply.truncated) == ([f"R{n}" for n in range(59, 9, -1)], True)
    assert reply.rows[0][0] == f"{at(59).replace(' ', 'T')}Z"


def test_a_composition_is_found_by_its_whole_id_alone(desk, put):
    tell(put, [event(1, composition="c1")])

    for hostile in ("c", "c%", "C1", "' OR 1 = 1 --", "c1 "):
        assert desk.ask("composition_events", {"composition": hostile}).rows == []
