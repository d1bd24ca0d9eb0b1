"""Layer 1: what MCP clients see. Knows MCP, knows no SQL."""
