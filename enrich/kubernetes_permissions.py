"""Which rights are missing at a cluster, asked of the cluster itself before anything fails.

In: an API server, and the kinds that are watched. Out: the rights that the house wants and does not have. Each is
asked for with a SelfSubjectAccessReview, which every authenticated user may create; so this reads and changes nothing.
Source: https://kubernetes.io/docs/reference/access-authn-authz/authorization/#checking-api-access.
Raises `KubernetesError` where the server does not answer.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from enrich.kubernetes_api import KubernetesApi
from enrich.kubernetes_kinds import Kinds, discover, document

EVERY = "*"
VERBS = ("get", "list", "watch")
"""What the house does with each kind: looks single objects up, lists, watches."""
_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


@dataclass(frozen=True, slots=True)
class Right:
    """One verb on one kind, in all namespaces."""

    verb: str
    group: str
    plural: str
    """``*`` for all kinds of a group, those to come included."""

    @property
    def resource(self) -> str:
        """The kind as kubectl writes it."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


@dataclass(frozen=True, slots=True)
class Rights:
    """What a look at a cluster's permissions gave."""

    kinds: Kinds
    missing: tuple[Right, ...]


def look(api: KubernetesApi, names: Sequence[str]) -> Rights:
    """Ask for every right on the kinds of `names`, as `kubernetes_kinds.discover` takes them."""
    kinds = discover(api, names)
    wanted = dict.fromkeys(_wanted(kinds, names))
    missing = tuple(right for right in wanted if not _allowed(api, right))
    return Rights(kinds, tuple(one for right in missing for one in _by_kind(api, right, kinds)))


def _wanted(kinds: Kinds, names: Sequence[str]) -> Iterator[Right]:
    yield Right("get", "", "namespaces")  # for the cluster's identity
    whole = {name.removeprefix("*.") for name in names if name.startswith("*.")}
    for group in sorted(whole):
        yield from (Right(verb, group, EVERY) for verb in VERBS)
    for kind in kinds.resources:
        if kind.group not in whole:
            yield from (Right(verb, kind.group, kind.plural) for verb in VERBS)


def _by_kind(api: KubernetesApi, right: Right, kinds: Kinds) -> Iterator[Right]:
    """What is really missing of a right: where a role names kinds one by one, only those that it does not name."""
    named = [replace(right, plural=kind.plural) for kind in kinds.resources if kind.group == right.group]
    if right.plural != EVERY:
        yield right
    elif named and any(_allowed(api, one) for one in named):
        yield from (one for one in named if not _allowed(api, one))
    else:
        yield right


def _allowed(api: KubernetesApi, right: Right) -> bool:
    attributes = {"verb": right.verb, "group": right.group, "resource": right.plural}
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    return bool((document(api.post(_REVIEWS, body)).get("status") or {}).get("allowed"))
