"""How one PostgreSQL server process is run: from a wheel (`embedded`) or in a container (`containers`)."""
