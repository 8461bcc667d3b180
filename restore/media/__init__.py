"""Sources and sinks: video, photos and thermal recordings."""
