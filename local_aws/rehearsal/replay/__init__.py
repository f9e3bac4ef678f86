"""The `nextflow` of a rehearsal: the real core where there is one, and its AWS calls replayed.

It runs inside the head's container and knows nothing of the rest of this project: Python 3.11 and
boto3 are all that it needs. Its own lines start with `[simulation]`.
"""
