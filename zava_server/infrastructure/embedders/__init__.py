"""Texts become vectors: a small local model or any OpenAI-compatible endpoint."""
