"""The front desk: command line, settings and wiring. The only room that reads the environment."""
