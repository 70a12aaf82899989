"""The chains: facts, connectors, follower, events. Answers "are funds really received?"."""
