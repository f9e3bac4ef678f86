"""A local AWS: moto's server with what it lacks, and jobs that really run."""
