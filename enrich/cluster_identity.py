"""Which cluster a resource is from: its token's, its sender's word, the proof of an object, a setting, the only one.

In: what the sender claims, whether its token speaks for it, and the cluster of an object that the resource names.
Out: a `Decision`. Never a guess: where several clusters are watched and nothing tells which one, it stays unknown; and
a half (name or uid) is only added to one that is known to belong to it.
"""

from dataclasses import dataclass
from enum import StrEnum

from enrich.clusters import Cluster, Clusters

NOBODY = Cluster()


class ClusterSource(StrEnum):
    """Who said which cluster it is."""

    TOKEN = "token"  # noqa: S105  a label of a counter
    SENDER = "sender"
    OBJECT = "object"
    """An object that the resource names is in that cluster, and in no other."""
    SETTING = "setting"
    DISCOVERY = "discovery"
    """There is only one."""
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Decision:
    """The cluster of a resource."""

    cluster: Cluster
    source: ClusterSource


class ClusterIdentity:
    """Decides which cluster resources are from."""

    def __init__(self, clusters: Clusters, setting: Cluster = NOBODY, *, override: bool = False) -> None:
        """`setting`: of those who do not say; `override`: also of those who do, unless it is their token's word."""
        self._clusters = clusters
        self._setting = setting
        self._override = override

    def decide(self, claim: Cluster, *, bound: bool, proof: Cluster = NOBODY) -> Decision:
        """Decide. `bound`: the claim is the token's; `proof`: where an object that the resource names is."""
        if claim.known and (bound or not self._override):
            said_by = ClusterSource.TOKEN if bound else ClusterSource.SENDER
            return Decision(self._completed(claim, proof), said_by)
        if proof.known:
            return Decision(self._completed(proof, NOBODY), ClusterSource.OBJECT)
        if self._setting.known:
            return Decision(self._completed(self._setting, NOBODY), ClusterSource.SETTING)
        only = self._clusters.only
        if only is not None:
            return Decision(only, ClusterSource.DISCOVERY)
        return Decision(claim, ClusterSource.SENDER if claim.known else ClusterSource.NONE)

    def believed(self, claim: Cluster, *, bound: bool) -> bool:
        """Whether a claim decides where objects are looked for."""
        return claim.known and (bound or not self._override)

    def why_unknown(self) -> str:
        """Why no uid could be found for a resource that says nothing."""
        return "several_clusters" if self._clusters.several else "no_cluster_known"

    def named(self, uid: str) -> Cluster:
        """The cluster with this uid, with its name if that is known."""
        return self._clusters.by_uid(uid) or Cluster(uid)

    def _completed(self, cluster: Cluster, proof: Cluster) -> Cluster:
        """Add the half that is not known, from what is known to be the same cluster."""
        if cluster.uid and cluster.name:
            return cluster
        if proof.uid and cluster.uid in ("", proof.uid):
            # An object's uid is a proof, a name is only what somebody calls a cluster.
            cluster = _joined(cluster, proof)
        for other in (self._clusters.by_uid(cluster.uid), self._clusters.by_name(cluster.name), self._setting):
            if other is not None and _same(cluster, other):
                cluster = _joined(cluster, other)
        only = self._clusters.only
        if cluster == self._setting and only is not None and not cluster.contradicts(only):
            # One cluster sends to this house, and one is watched: the setting names it.
            return _joined(cluster, only)
        return cluster


def _same(one: Cluster, other: Cluster) -> bool:
    """Whether a half that both have is the same, and no other half speaks against it."""
    shared = (one.uid and one.uid == other.uid) or (one.name and one.name == other.name)
    return bool(shared) and not one.contradicts(other)


def _joined(one: Cluster, other: Cluster) -> Cluster:
    return Cluster(one.uid or other.uid, one.name or other.name)
