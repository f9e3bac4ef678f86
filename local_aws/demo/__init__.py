"""`make demo`: the workshop's settings on a local AWS, and `hello` run there."""
