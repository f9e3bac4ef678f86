"""The tests. No folder below may be called constructs or stacks: it would shadow them."""
