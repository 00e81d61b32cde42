"""What can be set about the clusters, and what is refused."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from enrich.kubernetes_settings import ClusterConnection, KubernetesSettings


def test_a_context_needs_a_kubeconfig():
    with pytest.raises(ValidationError, match="a context needs a kubeconfig"):
        ClusterConnection(context="prod")
    assert ClusterConnection(context="prod", kubeconfig=Path("config")).context == "prod"


@pytest.mark.parametrize("kind", ["pods", "deployments.apps", "*.composition.krateo.io"])
def test_kinds_are_written_as_kubectl_writes_them(kind):
    assert KubernetesSettings(kinds=(kind,)).kinds == (kind,)


@pytest.mark.parametrize("kind", ["Pod", "apps/v1", "*", "deployments.", ""])
def test_other_ways_to_write_a_kind_are_refused(kind):
    with pytest.raises(ValidationError):
        KubernetesSettings(kinds=(kind,))


def test_groups_of_compositions_are_watched_on_top():
    assert KubernetesSettings(kinds=("pods",)).and_groups(["a.example.org"]).kinds == ("pods", "*.a.example.org")
