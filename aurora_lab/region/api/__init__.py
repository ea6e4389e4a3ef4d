"""The HTTP front: AWS protocols parsed, validated and serialised from the service model."""
