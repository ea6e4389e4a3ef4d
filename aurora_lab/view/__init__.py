"""What a learner looks at: the map of a cluster, plots."""
