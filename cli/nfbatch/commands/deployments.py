"""`nfbatch deployments`."""

from __future__ import annotations

from nfbatch import deployment, options, output


def deployments(
    profile: options.Profile = None, region: options.Region = None, as_json: options.Json = False
) -> None:
    """List the deployments in the account and region.

    [bold]Example[/]
    $ nfbatch deployments --region us-west-2
    """
    aws = options.connect(profile, region)
    found = deployment.find_all(aws)
    if as_json:
        output.print_json({"deployments": [each.as_json() for each in found]})
        return
    if not found:
        output.say(f"there is no deployment in {aws.region}")
    rows = [(each.name, ", ".join(each.queues), str(each.logs)) for each in found]
    output.print_table(("DEPLOYMENT", "QUEUES", "LOGS"), rows, flexible="LOGS")
