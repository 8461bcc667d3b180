"""From luma to chroma: networks, sampling, engines."""
