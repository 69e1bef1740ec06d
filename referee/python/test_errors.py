from unittest import mock

import anthropic

from simulator import HAIKU, KEY, OPUS, Case, ask, fault

try:
    import httpx2 as httpx  # from major 1 on
except ImportError:
    import httpx

MAJOR = int(anthropic.__version__.split(".")[0])

ERRORS = [
    # what, request, status, error.type, class
    ("unknown field", {"extra_body": {"max_tokns": 3}}, 400, "invalid_request_error", anthropic.BadRequestError),
    ("wrong key", {"key": "sk-ant-other"}, 401, "authentication_error", anthropic.AuthenticationError),
    ("not permitted", fault("status=403"), 403, "permission_error", anthropic.PermissionDeniedError),
    ("unknown model", {"model": "claude-none"}, 404, "not_found_error", anthropic.NotFoundError),
    ("over 32 MB", {"system": "x" * (33 << 20)}, 413, "request_too_large", anthropic.RequestTooLargeError),
    ("rate limited", fault("status=429"), 429, "rate_limit_error", anthropic.RateLimitError),
    ("server error", fault("status=500"), 500, "api_error", anthropic.InternalServerError),
    ("timed out", fault("status=504"), 504, "timeout_error", anthropic.DeadlineExceededError if MAJOR >= 2 else anthropic.InternalServerError),
    ("overloaded", fault("status=529"), 529, "overloaded_error", anthropic.OverloadedError),
]


class Errors(Case):
    def raised(self, client, streamed, **request):
        with self.assertRaises(Exception) as caught:
            if not streamed:
                client.messages.create(**request)
            else:
                with client.messages.stream(**request) as stream:
                    stream.get_final_message()
        return caught.exception

    def test_classes(self):
        s = self.simulate("--key", KEY)
        for what, more, status, kind, wanted in ERRORS:
            for streamed in [False, True]:
                with self.subTest(what, streamed=streamed):
                    request = {**ask(HAIKU, "Hi"), **more}
                    client = self.client(s, max_retries=0, api_key=request.pop("key", KEY))
                    e = self.raised(client, streamed, **request)
                    self.assertIs(type(e), wanted)
                    self.assertEqual((e.status_code, e.body["error"]["type"]), (status, kind))
                    self.assertRegex(e.request_id, r"^req_01\w{22}$")
                    self.assertEqual(e.body["request_id"], e.request_id)
                    self.assertRegex(e.workspace_id, r"^wrkspc_01\w{22}$")

    def test_error_code(self):
        client = self.client(self.simulate(), max_retries=0)
        for code, name in [
            ("ramp_limit_exceeded", "RampLimitExceededError"),
            ("enforced_spend_limit_reached", "EnforcedSpendLimitReachedError"),
        ]:
            e = self.raised(client, False, **ask(HAIKU, "Hi"), **fault(f"status=429; code={code}"))
            self.assertEqual(e.body["error"]["details"]["error_code"], code)
            self.assertEqual(type(e).__name__, name if MAJOR >= 2 else "RateLimitError")

    def test_error_event(self):
        """Inside a stream the status has been sent: the SDK raises its class without one, and does not retry."""
        s = self.simulate()
        e = self.raised(self.client(s), True, **ask(HAIKU, "Hi"), **fault("error=5"))
        self.assertIs(type(e), anthropic.APIStatusError)
        self.assertEqual((e.status_code, e.body["error"]["type"]), (200, "overloaded_error"))
        s.truth(1)

    def test_cut(self):
        """Before the answer is whole that is the SDK's error; in a stream it is the transport's."""
        client = self.client(self.simulate(), max_retries=0)
        for text, streamed, wanted in [
            ("close", False, anthropic.APIConnectionError),
            ("close", True, anthropic.APIConnectionError),
            ("cut=5", False, anthropic.APIConnectionError),
            ("cut=5; rst", False, anthropic.APIConnectionError),
            ("cut=5", True, httpx.RemoteProtocolError),
            ("cut=5; rst", True, httpx.ReadError),
        ]:
            with self.subTest(text, streamed=streamed):
                e = self.raised(client, streamed, **ask(HAIKU, "Hi"), **fault(text))
                self.assertIs(type(e), wanted)


class Retries(Case):
    def test_wait_as_told(self):
        """retry-after is longer than any of the SDK's own two pauses would be."""
        s = self.simulate()
        with self.assertRaises(anthropic.RateLimitError):
            self.client(s).messages.create(**ask(HAIKU, "Hi"), **fault("status=429; for=2s"))
        records = s.truth(3)
        self.attempts(records, 429, 429, 429)
        self.assertEqual([r["retry_after_s"] for r in records], [2, 2, 2])

    def test_success(self):
        for text, status in [("status=500", 500), ("status=529", 529), ("close", 0)]:
            with self.subTest(text):
                s = self.simulate("--fault", text + "; every=2")
                client = self.client(s)
                for _ in range(2):  # the second request arrives second
                    with client.messages.stream(**ask(HAIKU, "Hi")) as stream:
                        self.assertEqual(stream.get_final_message().stop_reason, "end_turn")
                self.attempts(s.truth(3)[1:], status, 200)

    def test_none(self):
        """What the API says is in vain."""
        for text in ["status=400", "status=403", "status=429; code=enforced_spend_limit_reached"]:
            with self.subTest(text):
                s = self.simulate()
                with self.assertRaises(anthropic.APIStatusError) as caught:
                    self.client(s).messages.create(**ask(HAIKU, "Hi"), **fault(text))
                self.assertNotIn("retry-after", caught.exception.response.headers)
                s.truth(1)

    def test_rate_limit(self):
        """A real limit: the bucket is emptied, and the retry is let in after the time the API told it to wait."""
        s = self.simulate("--tier", "tier1")  # haiku: 50,000 input tokens a minute
        client = self.client(s)
        words = {"model": HAIKU, "messages": [{"role": "user", "content": "word " * 10_000}]}
        each = client.messages.count_tokens(**words).input_tokens / 10_000
        client.messages.create(**ask(HAIKU, "word " * int(49_000 / each)))
        answer = client.messages.with_raw_response.create(**ask(HAIKU, "word " * int(6_000 / each)))
        limited, admitted = s.truth(4)[2:]
        self.attempts([limited, admitted], 429, 200)
        self.assertEqual(limited["limited_by"], "input_tokens")
        self.assertIn(limited["retry_after_s"], range(1, 7))
        self.assertEqual(answer.headers["anthropic-ratelimit-input-tokens-limit"], "50000")


class Caller(Case):
    AUTH, VERSION = ("authorization", "2026-10-21") if MAJOR >= 2 else ("x-api-key", "2023-06-01")

    def test_environment(self):
        """Nothing but the two variables of the documentation."""
        s = self.simulate("--key", KEY)
        with mock.patch.dict("os.environ", {"ANTHROPIC_BASE_URL": s.url, "ANTHROPIC_API_KEY": KEY}):
            client = anthropic.Anthropic()
        self.addCleanup(client.close)
        client.messages.create(**ask(OPUS, "Hi"))
        record = s.truth(1)[0]
        self.assertEqual((record["auth"], record["version"]), (self.AUTH, self.VERSION))

    def test_auth(self):
        s = self.simulate("--key", KEY)
        ways = [
            (self.client(s), {}, self.AUTH),
            (self.client(s, api_key=None, auth_token=KEY), {}, "authorization"),
            (self.client(s), {"extra_headers": {"x-api-key": KEY, "authorization": anthropic.omit}}, "x-api-key"),
        ]
        for client, more, _ in ways:
            client.messages.create(**ask(HAIKU, "Hi"), **more)
        self.assertEqual([r["auth"] for r in s.truth(3)], [auth for _, _, auth in ways])

    def test_versions(self):
        """Sampling fields left with 2026-10-21."""
        s = self.simulate()
        client = self.client(s)
        request = {**ask(HAIKU, "Hi"), "extra_body": {"temperature": 0.5}}
        client.messages.create(**request, extra_headers={"anthropic-version": "2023-06-01"})
        for version in ["2026-10-21", "2022-01-01"]:
            with self.assertRaises(anthropic.BadRequestError):
                client.messages.create(**request, extra_headers={"anthropic-version": version})
        self.assertEqual([r["version"] for r in s.truth(3)], ["2023-06-01", "2026-10-21", ""])
