"""The AWS protocols: a request to an operation's parameters, an output or an error to a response."""
