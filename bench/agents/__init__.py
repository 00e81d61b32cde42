"""The evaluation set for the window for agents: seeded incidents, a scripted agent, a baseline of raw SQL, scores."""
