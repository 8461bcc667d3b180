"""Films: sources, sinks and what is between a file and its frames."""
