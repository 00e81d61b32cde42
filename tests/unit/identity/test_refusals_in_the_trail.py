"""Sign-in failures in the audit trail: each address is told of, and a flood is one line with a number."""

import pytest
from prometheus_client import CollectorRegistry
from tokens_made import made, write

from identity.audit import AuditTrail
from identity.errors import IdentityError
from identity.gates import open_gates
from identity.settings import IdentitySettings


class Kept:
    """A journal in memory."""

    def __init__(self):
        self.lines = []

    def append(self, stamped, *, durable):
        self.lines += [(deed, stamp.times) for deed, stamp in stamped]

    def unhanded(self, most):
        return []

    def handed_over(self, line):
        pass


def test_a_flood_from_one_address_is_a_line_and_a_number_and_another_address_is_told_too(tmp_path):
    kept = Kept()
    trail = AuditTrail(kept, version="1")
    path = write(tmp_path / "tokens.yaml", made()[1])
    gate = open_gates(IdentitySettings(tokens_file=path), CollectorRegistry(), trail.record).ingest

    for number in range(1001):
        with pytest.raises(IdentityError):
            gate.admit("Bearer ohi_wrong", "10.0.0.2" if number == 500 else "10.0.0.1")
    trail.close()

    assert [(deed.action, deed.peer, times) for deed, times in kept.lines] == [
        ("sign_in.refused", "10.0.0.1", 1),
        ("sign_in.refused", "10.0.0.2", 1),
        ("sign_in.refused", "10.0.0.1", 999),
    ]
