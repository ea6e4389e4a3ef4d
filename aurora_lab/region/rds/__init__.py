"""The RDS actions, a module for each kind of resource."""
