"""Long jobs that survive: what is finished is kept, and the same command goes on from there."""
