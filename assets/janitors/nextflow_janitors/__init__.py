"""Functions of AWS Lambda that tidy up behind a deployment, watch it and, at need, stop it.

They have Python's standard library and the runtime's boto3, nothing else. docs/operations.md
describes them.
"""
