"""Making the instance sound before it may join: each module one thing, done again at each boot."""
