"""The daemon: it looks at scratch, lets it grow, and holds tasks back meanwhile."""
