"""Reads one environment's settings and declares its stacks."""

import sys

from stacks import jsii_cache, paths

jsii_cache.choose(paths.ROOT)

try:
    from aws_cdk import App

    from stacks import settings_file
    from stacks.environment import declare
except ImportError as missing:
    print(
        f"{sys.executable} lacks what this app needs ({missing}): run `make setup`, or install"
        " requirements.txt into an active virtual environment",
        file=sys.stderr,
    )
    sys.exit(2)


def main() -> None:
    """Synthesize the environment that `-c settings=NAME` chooses, or say what is wrong with it."""
    app = App()
    chosen = app.node.try_get_context("settings")
    name = "default" if chosen is None else str(chosen)
    try:
        settings = settings_file.read(paths.SETTINGS, name)
        if warning := settings_file.name_warning(name, settings):
            print(warning, file=sys.stderr)
        declare(app, settings)
    except settings_file.SettingsError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    app.synth()


if __name__ == "__main__":
    main()
