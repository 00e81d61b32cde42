"""A window for agents: diagnostic tools over the Model Context Protocol."""
