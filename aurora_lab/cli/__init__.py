"""The `aurora-lab` command."""
