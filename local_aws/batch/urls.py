"""The paths that Batch answers, in the form moto's server reads."""

from local_aws.batch.api import BatchApi

url_bases = [r"https?://batch\.(.+)\.amazonaws.com"]

# A resource's ARN is one path segment, or two once its slash has been decoded.
url_paths = {
    "{0}/v1/(?P<operation>[a-z]+)$": BatchApi.dispatch,
    "{0}/v1/tags/(?P<arn>[^/]+)$": BatchApi.dispatch,
    "{0}/v1/tags/(?P<arn_start>[^/]+)/(?P<arn_end>[^/]+)$": BatchApi.dispatch,
}
