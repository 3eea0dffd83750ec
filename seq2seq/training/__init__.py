"""Training: losses, schedules, one step, the loop."""
