"""Streams of the Messages API for Locust, each timed to its first content.

FastHttpUser is what Locust recommends for load. Lines are read from the
response's stream one by one: iter_lines waits for 1,024 bytes at a time and
would report the first content when some later event fills them.
"""

import json
import os
import time

from locust import FastHttpUser, constant_throughput, task

BODY = json.dumps(
    {
        "model": "claude-haiku-4-5",
        "max_tokens": 1000,
        "stream": True,
        "messages": [{"role": "user", "content": "count"}],
    }
)
HEADERS = {"content-type": "application/json", "anthropic-version": "2023-06-01", "x-api-key": "none"}
CONTENT = b'data: {"type":"content_block_delta"'
END = b'data: {"type":"message_stop"'


class Stream(FastHttpUser):
    concurrency = 1
    if os.environ.get("PEERS_PACED"):
        wait_time = constant_throughput(1)

    def on_start(self):
        self.out = open(os.path.join(os.environ["PEERS_DIR"], f"{os.getpid()}.jsonl"), "a", buffering=1)

    def on_stop(self):
        self.out.close()

    @task
    def stream(self):
        first = None
        began = time.perf_counter()
        with self.client.post("/v1/messages", data=BODY, headers=HEADERS, stream=True, catch_response=True) as response:
            while line := response.stream.readline(b"\n"):
                if first is None and line.startswith(CONTENT):
                    first = time.perf_counter()
                if line.startswith(END):
                    response.success()
            if first is None:
                response.failure("no content")
                return
            self.out.write(json.dumps({"id": response.headers["request-id"], "ttft_ms": (first - began) * 1000}) + "\n")
