"""Sends what it reads, a call of Datadog's client in each line of JSON, to the socket of a URL."""

import json
import sys

from datadog.dogstatsd import DogStatsd

client = DogStatsd(
    socket_path=sys.argv[1],
    # Rather than drop what the socket has no room for.
    socket_timeout=None,
    disable_telemetry=True,
    origin_detection_enabled=False,
)
for line in sys.stdin:
    call = json.loads(line)
    getattr(client, call.pop("method"))(**call)
