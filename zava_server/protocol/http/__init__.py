"""MCP over HTTP: who may come in, how much they may send, and what else is answered there."""
