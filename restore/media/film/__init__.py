"""Films: sources, sinks and what lies between a file and its frames."""
