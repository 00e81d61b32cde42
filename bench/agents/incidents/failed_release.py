"""A Krateo composition cannot be upgraded: its chart now asks for more than its limit allows."""

from bench.agents.incident import Cause, Incident
from bench.agents.kubernetes_events import Subject
from bench.agents.scene import Scene

_ID = "5b8efff7-98b0-4103-8d26-9b633813fc60"


def _tell(scene: Scene) -> None:
    composition = Subject(
        "FireworksApp", "storefront-emea", "shop", _ID, api_version="composition.krateo.io/v1", composition=_ID
    )
    times = [47.0 - 3.0 * step for step in range(16)]
    scene.events.tell(
        composition, times, "ReconcileError",
        "upgrading chart storefront 2.4.0: cannot patch \"storefront-web\" with kind Deployment: "
        "Deployment.apps \"storefront-web\" is invalid: spec.template.spec.containers[0].resources.requests: "
        "Invalid value: \"2Gi\": must be less than or equal to memory limit of 1Gi",
        component="composition-dynamic-controller",
    )  # fmt: skip
    repository = Subject("Repo", "storefront-emea-repo", "shop", scene.names.uid(), composition=_ID)
    scene.events.tell(
        repository, [55.0], "CreatedExternalResource", "Successfully requested creation of external resource",
        warning=False, component="git-provider",
    )  # fmt: skip


INCIDENT = Incident(
    "failed_release",
    "Failed release of a composition",
    "platform-1",
    "the release storefront-emea does not come through in namespace shop on cluster platform-1",
    (Cause("release or reconcile failed", "storefront-emea", r"less than or equal to memory limit"),),
    _tell,
)
