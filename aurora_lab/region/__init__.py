"""The control plane: the AWS API, its resources and the work behind them."""
