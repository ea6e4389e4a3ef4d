"""The command's entry point."""


def main() -> None:
    """Run the `aurora-lab` command."""
