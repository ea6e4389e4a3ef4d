"""Pure rules and arithmetic: no I/O, no clock of their own."""
