"""What stands in where Nextflow's distribution and its plugins cannot be had.

The core of Nextflow is in Maven repositories and runs here unchanged; the executor for AWS Batch is
a plugin of Nextflow's own registry, so its calls are replayed. Nothing here goes into the product.
"""
