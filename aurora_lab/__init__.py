"""Learn Amazon Aurora, hands on: a local Aurora region and the curriculum that runs on it."""
