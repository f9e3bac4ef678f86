"""Where the head and the workers run for tests and benchmarks, without AWS."""
