"""A tool that a benchmark, a fault or a test needs is not to be had on this machine. Said by whoever looks for one."""


class UnavailableError(RuntimeError):
    """There is no such tool here; the message says how to mend it."""
