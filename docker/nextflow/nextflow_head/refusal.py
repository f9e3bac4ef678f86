"""A run that cannot start."""


class Refusal(Exception):  # noqa: N818 - it is no defect of the program, but its answer to bad input
    """Why nothing was started, in lines for the user.

    Attributes:
        lines: One line for each thing to mend: the setting, its value, what is allowed.
    """

    #: The exit status of a refused run. Nextflow itself ends with 0 or 1, or, when a signal or
    #: the JVM ended it, with 3 or more; 2 is the shell's convention for wrong usage.
    status = 2

    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines
