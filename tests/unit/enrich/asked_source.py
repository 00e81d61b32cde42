"""An API server at the seam: it answers what a test says, when a test lets it, and remembers who asked."""

import asyncio

from enrich.objects import KubernetesObject


class AskedSource:
    """Implements `enrich.lookups.ObjectSource`. `gate` closed holds every answer back."""

    def __init__(self, *objects, raises=None):
        self.objects = list(objects)
        self.raises = raises
        self.asked = []
        self.under_way = 0
        self.most_at_once = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def get(self, reference) -> KubernetesObject | None:
        self.asked.append(reference)
        self.under_way += 1
        self.most_at_once = max(self.most_at_once, self.under_way)
        try:
            await self.gate.wait()
        finally:
            self.under_way -= 1
        if self.raises is not None:
            raise self.raises
        meant = (reference.cluster_uid, reference.group, reference.kind, reference.name)
        found = [one for one in self.objects if (one.cluster_uid, one.group, one.kind, one.name) == meant]
        return found[0] if found else None
