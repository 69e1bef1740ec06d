"""Starts tokenload sim as a process of its own and reads the truth it tells."""

import datetime
import json
import os
import re
import signal
import subprocess
import time
import unittest
import urllib.request

import anthropic

KEY = "sk-ant-referee"

# The older model takes forced tools and sampling fields, the newer always thinks.
HAIKU, OPUS = "claude-haiku-4-5", "claude-opus-5-5"


def ask(model, text, **more):
    return {"model": model, "max_tokens": 400, "messages": [{"role": "user", "content": text}], **more}


def fault(text):
    """Makes the simulator answer a request with a fault."""
    return {"extra_headers": {"x-sim-fault": text}}


class Simulator:
    """A running tokenload sim, without delays."""

    def __init__(self, *args):
        command = [os.environ["TOKENLOAD"], "sim", "--addr", "127.0.0.1:0", "--profile", "instant", *args]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            if ready := re.search(r"ready on (http://\S+)", line):
                self.url = ready[1]
                return
        raise AssertionError("the simulator ended before it was ready")

    def stop(self):
        """Ends it as Ctrl-C does."""
        self.process.send_signal(signal.SIGINT)
        self.process.stderr.read()
        self.process.stderr.close()
        code = self.process.wait(timeout=10)
        if code != 0:
            raise AssertionError(f"simulator: exit code {code}")

    def truth(self, n):
        """The records of n requests, in the order in which they came. A record may be written a moment after its answer,
        and after the next one's."""
        deadline = time.monotonic() + 10
        while True:
            with urllib.request.urlopen(self.url + "/sim/truth") as answer:
                records = [r for r in map(json.loads, answer) if r["type"] == "request"]
            if len(records) == n:
                return sorted(records, key=received)
            if len(records) > n or time.monotonic() > deadline:
                raise AssertionError(f"the truth tells of {len(records)} requests, want {n}: {records}")
            time.sleep(0.005)


def received(record):
    seconds, _, fraction = record["received"].removesuffix("Z").partition(".")
    return datetime.datetime.fromisoformat(seconds + "+00:00").timestamp() + float("0." + (fraction or "0"))


def answered(record):
    """Just before the answer's first byte left: nobody can have read it sooner."""
    return received(record) + record["first_byte_ms"] / 1000


class Case(unittest.TestCase):
    """A test with simulators that end when it ends."""

    def simulate(self, *args):
        simulator = Simulator(*args)
        self.addCleanup(simulator.stop)
        return simulator

    def client(self, simulator, **options):
        client = anthropic.Anthropic(**{"base_url": simulator.url, "api_key": KEY, **options})
        self.addCleanup(client.close)
        return client

    def same_usage(self, usage, record):
        """Holds the SDK's figures against the truth."""
        got = {
            "input": usage.input_tokens,
            "output": usage.output_tokens,
            "thinking": usage.output_tokens_details.thinking_tokens if usage.output_tokens_details else 0,
            "read": usage.cache_read_input_tokens,
            "written": usage.cache_creation_input_tokens,
            "5m": usage.cache_creation.ephemeral_5m_input_tokens,
            "1h": usage.cache_creation.ephemeral_1h_input_tokens,
        }
        written = record["cache_write_5m_tokens"] + record["cache_write_1h_tokens"]
        want = {
            "input": record["input_tokens"],
            "output": record["output_tokens"],
            "thinking": record["thinking_tokens"],
            "read": record["cache_read_tokens"],
            "written": written,
            "5m": record["cache_write_5m_tokens"],
            "1h": record["cache_write_1h_tokens"],
        }
        self.assertEqual(got, want)
        self.assertGreater(got["input"] + got["read"] + got["written"], 0)
        self.assertGreater(got["output"], 0)

    def attempts(self, records, *status):
        """The records are attempts of one request, each at least its predecessor's retry-after later."""
        self.assertEqual([r["status"] for r in records], list(status))
        self.assertEqual([r["retry_count"] for r in records], list(range(len(status))))
        for last, r in zip(records, records[1:]):
            self.assertGreaterEqual(received(r) - answered(last), last["retry_after_s"] - 1e-5)  # as rounded
