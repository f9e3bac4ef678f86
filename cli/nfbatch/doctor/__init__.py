"""What can be wrong with a deployment and its jobs, and how it is mended."""
