"""`python -m aurora_lab.cli`: the command where its script is not at hand."""

from aurora_lab.cli.main import main

main()
