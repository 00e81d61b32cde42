"""A window for browsers: what happens, as it happens, over SSE and WebSocket."""
