"""The incidents, one a file, in the order in which they are told."""

from bench.agents.incident import Incident
from bench.agents.incidents import (
    certificate,
    crash_loop,
    error_burst,
    failed_release,
    full_disk,
    image_pull,
    noisy_neighbour,
    oom_kill,
    quiet,
    rolling_update,
    silent_pipeline,
    slow_dependency,
    two_faults,
)

INCIDENTS: tuple[Incident, ...] = tuple(
    one.INCIDENT
    for one in (
        crash_loop,
        oom_kill,
        image_pull,
        failed_release,
        noisy_neighbour,
        slow_dependency,
        error_burst,
        silent_pipeline,
        certificate,
        full_disk,
        rolling_update,
        two_faults,
        quiet,
    )
)
"""All of them; `quiet` is the control, and no incident."""
