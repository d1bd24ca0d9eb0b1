"""Layer 3: everything that speaks to PostgreSQL."""
