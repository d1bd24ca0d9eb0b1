"""The official conformance suite and the inspector against the real HTTP app: a command."""
