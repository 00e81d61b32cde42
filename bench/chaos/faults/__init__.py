"""The faults, a module each."""
