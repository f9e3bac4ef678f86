"""The head: the program that runs Nextflow inside a Batch job.

`__main__` is its table of contents; each other module is one noun of it.
"""
