"""The data plane: one Aurora cluster of real PostgreSQL servers."""
