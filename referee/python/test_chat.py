"""OpenAI's own SDK against the same simulator, which answers in that shape too."""

import json
from unittest import mock

import openai

from simulator import HAIKU, KEY, OPUS, Case, fault

FORECAST = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
            "required": ["city", "days"],
        },
    },
}


def ask(model, text, **more):
    return {"model": model, "max_tokens": 400, "messages": [{"role": "user", "content": text}], **more}


class Chat(Case):
    def client(self, simulator, **options):
        client = openai.OpenAI(**{"base_url": simulator.url + "/v1", "api_key": KEY, **options})
        self.addCleanup(client.close)
        return client

    def same_usage(self, usage, record):
        """Here prompt_tokens is the whole prompt, with what the cache held."""
        whole = sum(record[f"{kind}_tokens"] for kind in ["input", "cache_read", "cache_write_5m", "cache_write_1h"])
        self.assertEqual(usage.prompt_tokens, whole)
        self.assertEqual(usage.prompt_tokens_details.cached_tokens, record["cache_read_tokens"])
        self.assertEqual(usage.completion_tokens, record["output_tokens"])
        self.assertEqual(usage.completion_tokens_details.reasoning_tokens, record["thinking_tokens"])
        self.assertEqual(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens)
        self.assertGreater(min(usage.prompt_tokens, usage.completion_tokens), 0)

    def test_plain(self):
        s = self.simulate("--key", KEY)
        answer = self.client(s).chat.completions.create(**ask(HAIKU, "What is a quaternion?"))
        self.assertEqual((answer.object, answer.model), ("chat.completion", "claude-haiku-4-5-20251001"))
        [choice] = answer.choices
        self.assertEqual((choice.finish_reason, choice.message.role), ("stop", "assistant"))
        self.assertIn("quaternion", choice.message.content)
        record = s.truth(1)[0]
        self.assertEqual(record["auth"], "authorization")
        self.same_usage(answer.usage, record)

    def test_environment(self):
        """Nothing but the two variables of the documentation."""
        s = self.simulate("--key", KEY)
        with mock.patch.dict("os.environ", {"OPENAI_BASE_URL": s.url + "/v1", "OPENAI_API_KEY": KEY}):
            client = openai.OpenAI()
        self.addCleanup(client.close)
        client.chat.completions.create(**ask(OPUS, "Hi"))
        self.assertEqual(s.truth(1)[0]["status"], 200)

    def test_streamed(self):
        s = self.simulate()
        for include_usage in [True, False]:
            with self.subTest(include_usage=include_usage):
                more = {"stream_options": {"include_usage": True}} if include_usage else {}
                chunks = list(self.client(s).chat.completions.create(**ask(OPUS, "Hi", stream=True, **more)))
                self.assertEqual({c.object for c in chunks}, {"chat.completion.chunk"})
                self.assertEqual(len({c.id for c in chunks}), 1)
                choices = [c.choices[0] for c in chunks if c.choices]
                self.assertGreater(len([c for c in choices if c.delta.content]), 1)
                self.assertEqual([c.finish_reason for c in choices if c.finish_reason], ["stop"])
                usages = [c.usage for c in chunks if c.usage]
                self.assertEqual(len(usages), int(include_usage))
                if include_usage:
                    self.assertEqual(chunks[-1].choices, [])
                    self.same_usage(usages[0], s.truth(1)[0])

    def test_prompt_cache(self):
        """prompt_tokens stays the same whether the cache held the prompt or not."""
        s = self.simulate()
        client = self.client(s)
        text = "The handbook says that every pallet is counted twice. " * 600
        system = {"role": "system", "content": [{"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}]}
        request = ask(HAIKU, "Who counts?")
        request["messages"].insert(0, system)
        first, second = [client.chat.completions.create(**request).usage for _ in range(2)]
        for usage, record in zip([first, second], s.truth(2)):
            self.same_usage(usage, record)
        self.assertEqual(first.prompt_tokens_details.cached_tokens, 0)
        self.assertGreater(second.prompt_tokens_details.cached_tokens, 4096)
        self.assertEqual(first.prompt_tokens, second.prompt_tokens)

    def test_tools(self):
        s = self.simulate()
        client = self.client(s)
        choice = {"type": "function", "function": {"name": "get_weather"}}
        request = ask(HAIKU, "How warm is it in Graz?", tools=[FORECAST], tool_choice=choice)
        with client.chat.completions.stream(**request) as stream:
            pieces = [e.arguments_delta for e in stream if e.type == "tool_calls.function.arguments.delta"]
            answer = stream.get_final_completion()
        message = answer.choices[0].message
        [call] = message.tool_calls
        self.assertEqual((call.function.name, answer.choices[0].finish_reason), ("get_weather", "tool_calls"))
        self.assertEqual("".join(pieces), call.function.arguments)
        self.assertEqual(set(json.loads(call.function.arguments)), {"city", "days"})

        request["messages"] += [message.to_dict(), {"role": "tool", "tool_call_id": call.id, "content": "31 °C"}]
        del request["tool_choice"]
        self.assertEqual(client.chat.completions.create(**request).choices[0].finish_reason, "stop")

    def test_errors(self):
        s = self.simulate("--key", KEY)
        for what, more, status, wanted in [
            ("unknown field", {"extra_body": {"max_tokns": 3}}, 400, openai.BadRequestError),
            ("wrong key", {"key": "sk-other"}, 401, openai.AuthenticationError),
            ("not permitted", fault("status=403"), 403, openai.PermissionDeniedError),
            ("unknown model", {"model": "gpt-none"}, 404, openai.NotFoundError),
            ("rate limited", fault("status=429"), 429, openai.RateLimitError),
            ("server error", fault("status=500"), 500, openai.InternalServerError),
            ("overloaded", fault("status=529"), 529, openai.InternalServerError),
        ]:
            for stream in [False, True]:
                with self.subTest(what, stream=stream):
                    request = {**ask(HAIKU, "Hi", stream=stream), **more}
                    client = self.client(s, max_retries=0, api_key=request.pop("key", KEY))
                    with self.assertRaises(openai.APIStatusError) as caught:
                        client.chat.completions.create(**request)
                    self.assertIs(type(caught.exception), wanted)
                    self.assertEqual(caught.exception.status_code, status)
                    self.assertRegex(caught.exception.request_id, r"^req_01\w{22}$")
                    self.assertTrue(caught.exception.body["message"])

    def test_error_in_stream(self):
        s = self.simulate()
        with self.assertRaises(openai.APIError) as caught:
            list(self.client(s).chat.completions.create(**ask(HAIKU, "Hi", stream=True), **fault("error=5")))
        self.assertIs(type(caught.exception), openai.APIError)
        s.truth(1)

    def test_cut(self):
        client = self.client(self.simulate(), max_retries=0)
        for stream in [False, True]:
            with self.assertRaises(openai.APIConnectionError):
                client.chat.completions.create(**ask(HAIKU, "Hi", stream=stream), **fault("close"))

    def test_retries(self):
        s = self.simulate()
        with self.assertRaises(openai.RateLimitError):
            self.client(s).chat.completions.create(**ask(HAIKU, "Hi"), **fault("status=429; for=1s"))
        self.attempts(s.truth(3), 429, 429, 429)

    def test_limits(self):
        s = self.simulate("--tier", "tier1")
        answer = self.client(s).chat.completions.with_raw_response.create(**ask(HAIKU, "Hi"))
        self.assertEqual(answer.headers["x-ratelimit-limit-requests"], "50")
        self.assertEqual(answer.headers["x-ratelimit-remaining-requests"], "49")
        self.assertRegex(answer.headers["x-ratelimit-reset-requests"], r"^[\d.]+m?s$")
        self.assertGreater(int(answer.headers["x-ratelimit-limit-tokens"]), 0)
