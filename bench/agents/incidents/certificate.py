"""The certificate of the mail relay has expired; `mailer` cannot send, and orders fail by it."""

from bench.agents.incident import Cause, Incident
from bench.agents.scene import Scene, Work, from_then_on


def _refused(work: Work) -> None:
    work.failure = (
        "tls: failed to verify certificate: x509: certificate has expired or is not yet valid: relay.mail.example.com"
    )


def _tell(scene: Scene) -> None:
    scene.spoils["mailer"] = from_then_on(31.0, _refused)


INCIDENT = Incident(
    "certificate",
    "Expired certificate",
    "eu-west-3",
    "checkout is failing in namespace shop on cluster eu-west-3",
    (Cause("certificate", "mailer", r"certificate has expired"),),
    _tell,
)
