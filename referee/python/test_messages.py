import asyncio
import json
import unittest

import anthropic
import pydantic

from simulator import HAIKU, KEY, OPUS, Case, ask

WEATHER = {
    "name": "get_weather",
    "description": "The weather in a city.",
    "input_schema": {
        "type": "object",
        "properties": {
            "city": {"type": "string"},
            "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
            "days": {"type": "integer"},
            "hours": {"type": "array", "items": {"type": "number"}},
        },
        "required": ["city", "unit", "days", "hours"],
    },
}


class Messages(Case):
    def test_plain(self):
        s = self.simulate()
        m = self.client(s).messages.create(**ask(HAIKU, "What is a quaternion?"))
        self.assertEqual((m.model, m.role, m.stop_reason), ("claude-haiku-4-5-20251001", "assistant", "end_turn"))
        self.assertRegex(m.id, r"^msg_01\w{22}$")
        self.assertRegex(m._request_id, r"^req_01\w{22}$")
        self.assertEqual([b.type for b in m.content], ["text"])
        self.assertIn("quaternion", m.content[0].text)
        self.same_usage(m.usage, s.truth(1)[0])

    def test_streamed(self):
        s = self.simulate()
        with self.client(s).messages.stream(**ask(HAIKU, "What is a quaternion?")) as stream:
            pieces = list(stream.text_stream)
            m = stream.get_final_message()
        self.assertGreater(len(pieces), 1)
        self.assertEqual("".join(pieces), m.content[0].text)
        self.assertEqual(m.stop_reason, "end_turn")
        record = s.truth(1)[0]
        self.assertTrue(record["stream"])
        self.same_usage(m.usage, record)

    def test_raw_events(self):
        s = self.simulate()
        events = list(self.client(s).messages.create(**ask(HAIKU, "Hi", stream=True)))
        kinds = [e.type for e in events]
        self.assertEqual(kinds[:2], ["message_start", "content_block_start"])
        self.assertEqual(kinds[-3:], ["content_block_stop", "message_delta", "message_stop"])
        self.assertEqual(set(kinds[2:-3]), {"content_block_delta"})
        self.assertEqual(events[-2].usage.output_tokens, s.truth(1)[0]["output_tokens"])

    def test_async(self):
        s = self.simulate()

        async def both():
            async with anthropic.AsyncAnthropic(base_url=s.url, api_key=KEY) as client:
                plain = await client.messages.create(**ask(HAIKU, "What is a quaternion?"))
                async with client.messages.stream(**ask(HAIKU, "What is a quaternion?")) as stream:
                    pieces = [text async for text in stream.text_stream]
                    return plain, pieces, await stream.get_final_message()

        plain, pieces, streamed = asyncio.run(both())
        first, second = s.truth(2)
        self.same_usage(plain.usage, first)
        self.same_usage(streamed.usage, second)
        self.assertEqual("".join(pieces), streamed.content[0].text)

    def test_tools(self):
        s = self.simulate()
        client = self.client(s)
        request = ask(HAIKU, "How warm is it in Graz?", tools=[WEATHER], tool_choice={"type": "tool", "name": "get_weather"})
        self.tool_use(client.messages.create(**request))
        with client.messages.stream(**request) as stream:
            pieces = [e.delta.partial_json for e in stream if e.type == "content_block_delta" and e.delta.type == "input_json_delta"]
            m = stream.get_final_message()
        use = self.tool_use(m)
        self.assertGreater(len(pieces), 2)
        self.assertEqual(use.input, json.loads("".join(pieces)))
        self.same_usage(m.usage, s.truth(2)[1])

        # The result goes back, as an agent's loop does it.
        result = {"type": "tool_result", "tool_use_id": use.id, "content": "31 °C"}
        request["messages"] += [{"role": "assistant", "content": m.content}, {"role": "user", "content": [result]}]
        del request["tool_choice"]
        self.assertEqual(client.messages.create(**request).stop_reason, "end_turn")

    def test_agent_loop(self):
        """The SDK's own loop, with a model that thinks and chooses: it calls the tool that is named."""
        s = self.simulate()

        @anthropic.beta_tool
        def get_weather(city: str, days: int) -> str:
            """The weather in a city."""
            asked.append((city, days))
            return "31 °C"

        asked, messages = [], [{"role": "user", "content": "Call get_weather for Graz."}]
        runner = self.client(s).beta.messages.tool_runner(model=OPUS, max_tokens=400, tools=[get_weather], messages=messages)
        kinds = [([b.type for b in m.content], m.stop_reason) for m in runner]
        self.assertEqual(kinds, [(["thinking", "tool_use"], "tool_use"), (["thinking", "text"], "end_turn")])
        self.assertEqual([(type(city), type(days)) for city, days in asked], [(str, int)])
        s.truth(2)

    def test_structured_output(self):
        class Person(pydantic.BaseModel):
            name: str
            age: int
            tags: list[str]

        s = self.simulate()
        m = self.client(s).messages.parse(**ask(OPUS, "Who counts the pallets?", output_format=Person))
        self.assertIsInstance(m.parsed_output, Person)
        self.same_usage(m.usage, s.truth(1)[0])

    def tool_use(self, message):
        self.assertEqual(message.stop_reason, "tool_use")
        self.assertEqual([b.type for b in message.content], ["tool_use"])
        use = message.content[0]
        self.assertEqual(use.name, "get_weather")
        self.assertRegex(use.id, r"^toolu_01\w{22}$")
        self.assertEqual(set(use.input), {"city", "unit", "days", "hours"})
        self.assertIn(use.input["unit"], ["celsius", "fahrenheit"])
        self.assertIsInstance(use.input["days"], int)
        self.assertIsInstance(use.input["hours"], list)
        return use

    def test_thinking(self):
        """Hidden unless asked for on the newer models, shown on the older ones."""
        for model, thinking, shown in [
            (OPUS, None, False),
            (OPUS, {"type": "adaptive", "display": "summarized"}, True),
            (OPUS, {"type": "adaptive", "display": "omitted"}, False),
            (HAIKU, {"type": "enabled", "budget_tokens": 1024}, True),
        ]:
            with self.subTest(model=model, thinking=thinking):
                s = self.simulate()
                client = self.client(s)
                request = ask(model, "Is 1,000,003 prime?", max_tokens=2000, **({"thinking": thinking} if thinking else {}))
                with client.messages.stream(**request) as stream:
                    pieces = [e.delta.thinking for e in stream if e.type == "content_block_delta" and e.delta.type == "thinking_delta"]
                    m = stream.get_final_message()
                self.assertEqual([b.type for b in m.content], ["thinking", "text"])
                self.assertEqual(m.content[0].thinking, "".join(pieces))
                self.assertEqual(m.content[0].thinking != "", shown)
                self.assertTrue(m.content[0].signature)
                self.assertGreater(m.usage.output_tokens_details.thinking_tokens, 0)
                self.same_usage(m.usage, s.truth(1)[0])

                request["messages"] += [{"role": "assistant", "content": m.content}, {"role": "user", "content": "Sure?"}]
                m = client.messages.create(**request)
                self.assertEqual(m.content[0].thinking != "", shown)
                self.same_usage(m.usage, s.truth(2)[1])

    def test_prompt_cache(self):
        text = "The handbook says that every pallet is counted twice. " * 600
        for ttl in ["5m", "1h"]:
            with self.subTest(ttl=ttl):
                s = self.simulate()
                client = self.client(s)
                system = [{"type": "text", "text": text, "cache_control": {"type": "ephemeral", "ttl": ttl}}]
                first = client.messages.create(**ask(HAIKU, "Who counts?", system=system)).usage
                with client.messages.stream(**ask(HAIKU, "Who counts?", system=system)) as stream:
                    second = stream.get_final_message().usage
                records = s.truth(2)
                self.same_usage(first, records[0])
                self.same_usage(second, records[1])
                written = first.cache_creation_input_tokens
                self.assertGreater(written, 4096)
                self.assertEqual(getattr(first.cache_creation, f"ephemeral_{ttl}_input_tokens"), written)
                self.assertEqual((first.cache_read_input_tokens, second.cache_read_input_tokens), (0, written))
                self.assertEqual((second.cache_creation_input_tokens, second.input_tokens), (0, first.input_tokens))

    def test_count_tokens(self):
        s = self.simulate()
        client = self.client(s)
        request = ask(HAIKU, "How many tokens is this, with a system prompt?", system="Count.")
        billed = client.messages.create(**request).usage.input_tokens
        del request["max_tokens"]
        self.assertEqual(client.messages.count_tokens(**request).input_tokens, billed)
        self.assertGreater(billed, 5)


class Models(Case):
    def test_models(self):
        s = self.simulate()
        client = self.client(s)
        everything = client.models.list(limit=1000)
        ids = [m.id for m in everything.data]
        self.assertFalse(everything.has_more)
        self.assertGreater(len(ids), 10)
        self.assertEqual([m.id for m in client.models.list(limit=5)], ids)
        s.truth(1 + -(-len(ids) // 5))

        m = client.models.retrieve(HAIKU)
        self.assertIn(m.id, ids)
        self.assertEqual((m.id, m.display_name, m.created_at.year), ("claude-haiku-4-5-20251001", "Claude Haiku 4.5", 2025))
        self.assertEqual((m.max_input_tokens, m.max_tokens), (200_000, 64_000))
        with self.assertRaises(anthropic.NotFoundError):
            client.models.retrieve("claude-none")


if __name__ == "__main__":
    unittest.main()
