"""Photos: readers, writers, and what a file carries beside its picture."""
