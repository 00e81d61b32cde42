"""The canary: sends synthetic telemetry through the front doors, and looks for it at every window."""
