"""The Zava MCP server: sales, catalogue and store metrics over PostgreSQL and pgvector."""
