"""Being here, it lets every test import the helpers that lie beside it."""
