"""Access control: what the calls of roles need, and whether their policies allow it.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""
