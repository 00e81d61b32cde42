"""Which kinds a cluster has: found in its own lists, one version of each."""

from scripted_api import ScriptedApi

from enrich.kubernetes_api import ApiError
from enrich.kubernetes_kinds import discover
from enrich.kubernetes_permissions import look

ALL = ["create", "get", "list", "watch"]
REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


def kinds(*entries):
    return {"resources": [{"name": n, "kind": k, "namespaced": True, "verbs": v} for n, k, v in entries]}


def group(name, *versions, preferred):
    return {
        "name": name,
        "versions": [{"version": one} for one in versions],
        "preferredVersion": {"version": preferred},
    }


ANSWERS = {
    "/apis": {
        "groups": [
            group("apps", "v1beta1", "v1", preferred="v1"),
            group("composition.krateo.io", "v2-0-0", "v1-0-0", preferred="v2-0-0"),
            group("broken.example.org", "v1", preferred="v1"),
        ]
    },
    "/api/v1": kinds(("pods", "Pod", ALL), ("pods/status", "Pod", ["get"]), ("bindings", "Binding", ["create"])),
    "/apis/apps/v1": kinds(("deployments", "Deployment", ALL)),
    "/apis/apps/v1beta1": kinds(("deployments", "Deployment", ALL), ("oldies", "Oldie", ALL)),
    "/apis/composition.krateo.io/v2-0-0": kinds(("shops", "Shop", ALL)),
    "/apis/composition.krateo.io/v1-0-0": kinds(("shops", "Shop", ALL), ("carts", "Cart", ALL)),
    "/apis/broken.example.org/v1": ApiError(503, "ServiceUnavailable", "no endpoints"),
}


def test_named_kinds_are_found_in_the_preferred_version():
    found = discover(ScriptedApi(answers=ANSWERS), ["pods", "deployments.apps"])

    assert [(one.name, one.version, one.kind) for one in found.resources] == [
        ("pods", "v1", "Pod"),
        ("deployments.apps", "v1", "Deployment"),
    ]
    assert found.missing == ()


def test_all_kinds_of_a_group_are_taken_once_however_many_versions_serve_them():
    found = discover(ScriptedApi(answers=ANSWERS), ["*.composition.krateo.io"])

    assert [(one.plural, one.version) for one in found.resources] == [("shops", "v2-0-0"), ("carts", "v1-0-0")]


def test_a_group_that_is_not_there_is_an_empty_group():
    found = discover(ScriptedApi(answers=ANSWERS), ["*.example.org"])

    assert (found.resources, found.missing, found.failed) == ((), (), {})


def test_kinds_that_are_not_served_or_cannot_be_watched_are_missing():
    found = discover(ScriptedApi(answers=ANSWERS), ["bindings", "rollouts.argoproj.io"])

    assert found.missing == ("bindings", "rollouts.argoproj.io")


def test_a_group_whose_server_is_down_is_not_taken_for_an_empty_one():
    found = discover(ScriptedApi(answers=ANSWERS), ["pods", "*.broken.example.org"])

    assert [one.name for one in found.resources] == ["pods"]
    assert list(found.failed) == ["broken.example.org"]


def test_objects_have_paths_with_their_namespace_only_where_the_kind_has_one():
    (pods,) = discover(ScriptedApi(answers=ANSWERS), ["pods"]).resources

    assert pods.path == "/api/v1/pods"
    assert pods.path_of("shop", "front-1") == "/api/v1/namespaces/shop/pods/front-1"


def test_every_right_that_is_wanted_is_asked_for_and_those_missing_are_named():
    def review(body):
        wanted = body["spec"]["resourceAttributes"]
        return {"status": {"allowed": wanted["resource"] != "pods" or wanted["verb"] == "get"}}

    rights = look(ScriptedApi(answers={**ANSWERS, REVIEWS: review}), ["pods", "*.composition.krateo.io"])

    assert [(one.verb, one.resource) for one in rights.missing] == [("list", "pods"), ("watch", "pods")]


def test_rights_on_a_whole_group_are_asked_for_as_such():
    asked = []

    def review(body):
        asked.append(body["spec"]["resourceAttributes"])
        return {"status": {"allowed": False}}

    rights = look(ScriptedApi(answers={**ANSWERS, REVIEWS: review}), ["*.composition.krateo.io"])

    assert {"verb": "watch", "group": "composition.krateo.io", "resource": "*"} in asked
    assert ("get", "namespaces") in {(one.verb, one.resource) for one in rights.missing}


def test_where_a_role_names_kinds_one_by_one_only_those_that_it_does_not_name_are_missing():
    def granted(*plurals):
        def review(body):
            wanted = body["spec"]["resourceAttributes"]
            return {"status": {"allowed": wanted["group"] == "" or wanted["resource"] in plurals}}

        rights = look(ScriptedApi(answers={**ANSWERS, REVIEWS: review}), ["*.composition.krateo.io"])
        return {one.resource for one in rights.missing}

    kinds = discover(ScriptedApi(answers=ANSWERS), ["*.composition.krateo.io"]).resources
    first, *others = [kind.plural for kind in kinds]
    assert others
    assert granted(first, *others) == set()
    assert granted(first) == {f"{plural}.composition.krateo.io" for plural in others}
    assert granted() == {"*.composition.krateo.io"}
