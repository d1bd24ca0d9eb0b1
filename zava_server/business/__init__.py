"""Layer 2: what the figures and the products mean. Knows retail, knows no MCP and no driver."""
