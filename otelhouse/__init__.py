"""The front desk: command line, settings and wiring. The only room that reads the environment."""

__version__ = "0.1.0"
