"""Who is told what, what is tidied up, and when to stop."""

from __future__ import annotations

from nextflow_batch import OperationsOptions


class Operations(OperationsOptions):
    """Notifications, dashboard, alarms, budget, and functions that tidy up (docs/operations.md).

    Without this section there is no operations stack.
    """
