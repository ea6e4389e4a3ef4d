"""The endpoints: host names, a resolver with a TTL, and the router that connects by server name (SNI)."""
