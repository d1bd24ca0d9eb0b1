"""Answers kept until what they were made of changes: in memory, or in Redis for several servers."""
