"""Application Auto Scaling for Aurora's readers: its API, its alarms, and the thread that acts on them."""
