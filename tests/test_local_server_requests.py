"""The local AWS's own paths take what they say, and nothing is sent out of the machine."""

import http.client
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest

from local_aws.server import LocalAws

IMAGE = {"name": "image", "context": "/context", "entrypoint": ["program"]}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", "the body is not JSON"),
        (b"\xff", "the body is not JSON"),
        (b"[]", "the body must be a JSON object with name, context and entrypoint"),
        ({}, "name is None; it must be a string"),
        (IMAGE | {"context": 1}, "context is 1; it must be a string"),
        (IMAGE | {"entrypoint": "sh"}, "entrypoint is 'sh'; it must be a list of strings"),
        (IMAGE | {"entrypoint": [1]}, "entrypoint is [1]; it must be a list of strings"),
    ],
)
def test_an_image_that_is_none_is_refused_in_words(aws: LocalAws, body: Any, message: str) -> None:
    """Ours: the path `_local` is the local AWS's own."""
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    connection = http.client.HTTPConnection("localhost", aws.port, timeout=5)
    connection.request("POST", "/_local/images", sent)
    answer = connection.getresponse()
    error = json.load(answer)["error"]
    connection.close()

    assert answer.status == 400
    assert message in error


@pytest.fixture
def posted() -> Iterator[tuple[str, list[str]]]:
    """The URL of a web server, and the paths that were posted to it."""
    paths: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            paths.append(self.path)
            self.send_response(200)
            self.end_headers()

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/", paths
        server.shutdown()
        thread.join()


def test_a_notification_is_not_delivered_to_a_web_address(
    aws: LocalAws, posted: tuple[str, list[str]]
) -> None:
    """Ours: SNS would deliver; nothing may leave this machine."""
    url, paths = posted
    sns, sqs = aws.client("sns"), aws.client("sqs")
    queue = sqs.create_queue(QueueName="notes")["QueueUrl"]
    queue_arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
    topic = sns.create_topic(Name="notes")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=url)
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue_arn["Attributes"]["QueueArn"])
    sns.publish(TopicArn=topic, Message="hello")

    assert paths == []
    assert len(sqs.receive_message(QueueUrl=queue)["Messages"]) == 1
    subscriptions = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert {item["Protocol"] for item in subscriptions} == {"http", "sqs"}
