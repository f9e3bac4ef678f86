"""What Nextflow's messages mean: how the run ended, and what to say of it.

The first rule that matches counts. Each matches words of Nextflow, its plugins or AWS's SDK, which
another version may change: docs/adr/0015-the-last-line.md says how to renew them.
"""

from nextflow_head.rules import aws, inputs, other, projects, syntax, tasks

RULES = (
    *aws.RULES,
    *syntax.RULES,
    *inputs.RULES,
    *projects.RULES,
    *tasks.RULES,
    *other.RULES,
)
