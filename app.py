"""Reads one deployment's settings and declares its stacks."""

import sys

from stacks import jsii_cache, paths

jsii_cache.choose(paths.ROOT)

try:
    from aws_cdk import App

    from stacks import claims, deployment, settings_file
except ImportError as missing:
    print(
        f"{sys.executable} does not have the packages of this app ({missing}): run `make setup`,"
        " or install requirements.txt into an active virtual environment",
        file=sys.stderr,
    )
    sys.exit(2)


def main() -> None:
    """Synthesize the deployment that `-c settings=NAME` chooses, or say what is wrong with it."""
    app = App()
    context = app.node.try_get_context("settings")
    name = "default" if context is None else str(context)
    try:
        settings = settings_file.read(paths.SETTINGS, name)
        if warning := settings_file.name_warning(name, settings):
            print(warning, file=sys.stderr)
        claims.check(paths.SETTINGS, name, settings)
        deployment.declare(app, settings)
    except settings_file.SettingsError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    app.synth()


if __name__ == "__main__":
    main()
