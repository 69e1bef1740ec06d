import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { HAIKU, KEY, MAJORS, OPUS, ask, sameUsage, simulate } from './simulator.mjs';

const WEATHER = {
  name: 'get_weather',
  description: 'The weather in a city.',
  input_schema: {
    type: 'object',
    properties: {
      city: { type: 'string' },
      unit: { type: 'string', enum: ['celsius', 'fahrenheit'] },
      days: { type: 'integer' },
      hours: { type: 'array', items: { type: 'number' } },
    },
    required: ['city', 'unit', 'days', 'hours'],
  },
};

// toolUse returns the one tool call of a message, checked against its schema.
function toolUse(message) {
  assert.equal(message.stop_reason, 'tool_use');
  assert.deepEqual(message.content.map((b) => b.type), ['tool_use']);
  const [use] = message.content;
  assert.equal(use.name, 'get_weather');
  assert.match(use.id, /^toolu_01\w{22}$/);
  assert.deepEqual(Object.keys(use.input).sort(), ['city', 'days', 'hours', 'unit']);
  assert.ok(['celsius', 'fahrenheit'].includes(use.input.unit) && Number.isInteger(use.input.days) && Array.isArray(use.input.hours));
  return use;
}

for (const { name, Anthropic } of MAJORS) {
  const client = (s, more) => new Anthropic({ baseURL: s.url, apiKey: KEY, ...more });

  describe(`messages, ${name}`, { concurrency: true }, () => {
    test('plain', async (t) => {
      const s = await simulate(t);
      const m = await client(s).messages.create(ask(HAIKU, 'What is a quaternion?'));
      assert.deepEqual([m.model, m.role, m.stop_reason], ['claude-haiku-4-5-20251001', 'assistant', 'end_turn']);
      assert.match(m.id, /^msg_01\w{22}$/);
      assert.match(m._request_id, /^req_01\w{22}$/);
      assert.deepEqual(m.content.map((b) => b.type), ['text']);
      assert.match(m.content[0].text, /quaternion/);
      sameUsage(m.usage, (await s.truth(1))[0]);
    });

    test('streamed', async (t) => {
      const s = await simulate(t);
      const pieces = [];
      const stream = client(s).messages.stream(ask(HAIKU, 'What is a quaternion?')).on('text', (text) => pieces.push(text));
      const m = await stream.finalMessage();
      assert.ok(pieces.length > 1);
      assert.equal(pieces.join(''), m.content[0].text);
      assert.equal(m.stop_reason, 'end_turn');
      const [record] = await s.truth(1);
      assert.ok(record.stream);
      sameUsage(m.usage, record);
    });

    test('raw events', async (t) => {
      const s = await simulate(t);
      const events = [];
      for await (const event of await client(s).messages.create(ask(HAIKU, 'Hi', { stream: true }))) events.push(event);
      const kinds = events.map((e) => e.type);
      assert.deepEqual(kinds.slice(0, 2), ['message_start', 'content_block_start']);
      assert.deepEqual(kinds.slice(-3), ['content_block_stop', 'message_delta', 'message_stop']);
      assert.deepEqual([...new Set(kinds.slice(2, -3))], ['content_block_delta']);
      assert.equal(events.at(-2).usage.output_tokens, (await s.truth(1))[0].output_tokens);
    });

    test('tools', async (t) => {
      const s = await simulate(t);
      const c = client(s);
      const request = ask(HAIKU, 'How warm is it in Graz?', { tools: [WEATHER], tool_choice: { type: 'tool', name: 'get_weather' } });
      toolUse(await c.messages.create(request));
      const pieces = [];
      const stream = c.messages.stream(request).on('inputJson', (piece) => pieces.push(piece));
      const m = await stream.finalMessage();
      const use = toolUse(m);
      assert.ok(pieces.length > 1);
      assert.deepEqual(use.input, JSON.parse(pieces.join('')));
      sameUsage(m.usage, (await s.truth(2))[1]);

      // The result goes back, as an agent's loop does it.
      const { tool_choice, ...rest } = request;
      const result = { type: 'tool_result', tool_use_id: use.id, content: '31 °C' };
      const messages = [...request.messages, { role: 'assistant', content: m.content }, { role: 'user', content: [result] }];
      assert.equal((await c.messages.create({ ...rest, messages })).stop_reason, 'end_turn');
    });

    // The SDK's own loop, with a model that thinks and chooses: it calls the tool
    // that is named.
    test('agent loop', async (t) => {
      const s = await simulate(t);
      const asked = [];
      const run = async (input) => asked.push(input) && '31 °C';
      const request = ask(OPUS, 'Call get_weather for Graz.', { tools: [{ type: 'custom', ...WEATHER, run }] });
      const kinds = [];
      for await (const m of client(s).beta.messages.toolRunner(request)) kinds.push([m.stop_reason, ...m.content.map((b) => b.type)]);
      assert.deepEqual(kinds, [['tool_use', 'thinking', 'tool_use'], ['end_turn', 'thinking', 'text']]);
      assert.deepEqual(asked.map((input) => Object.keys(input).sort()), [['city', 'days', 'hours', 'unit']]);
      await s.truth(2);
    });

    test('structured output', async (t) => {
      const s = await simulate(t);
      const format = { type: 'json_schema', schema: { ...WEATHER.input_schema, additionalProperties: false } };
      const m = await client(s).messages.parse(ask(OPUS, 'How warm is it in Graz?', { output_config: { format } }));
      assert.deepEqual(Object.keys(m.parsed_output).sort(), ['city', 'days', 'hours', 'unit']);
      sameUsage(m.usage, (await s.truth(1))[0]);
    });

    // Hidden unless asked for on the newer models, shown on the older ones.
    for (const [model, thinking, shown] of [
      [OPUS, undefined, false],
      [OPUS, { type: 'adaptive', display: 'summarized' }, true],
      [OPUS, { type: 'adaptive', display: 'omitted' }, false],
      [HAIKU, { type: 'enabled', budget_tokens: 1024 }, true],
    ]) {
      test(`thinking of ${model}, ${JSON.stringify(thinking)}`, async (t) => {
        const s = await simulate(t);
        const c = client(s);
        const request = ask(model, 'Is 1,000,003 prime?', { max_tokens: 2000, thinking });
        const pieces = [];
        const stream = c.messages.stream(request).on('thinking', (piece) => pieces.push(piece));
        const m = await stream.finalMessage();
        assert.deepEqual(m.content.map((b) => b.type), ['thinking', 'text']);
        assert.equal(m.content[0].thinking, pieces.join(''));
        assert.equal(m.content[0].thinking !== '', shown);
        assert.ok(m.content[0].signature && m.usage.output_tokens_details.thinking_tokens > 0);
        sameUsage(m.usage, (await s.truth(1))[0]);

        request.messages.push({ role: 'assistant', content: m.content }, { role: 'user', content: 'Sure?' });
        const next = await c.messages.create(request);
        assert.equal(next.content[0].thinking !== '', shown);
        sameUsage(next.usage, (await s.truth(2))[1]);
      });
    }

    for (const ttl of ['5m', '1h']) {
      test(`prompt cache, ${ttl}`, async (t) => {
        const s = await simulate(t);
        const c = client(s);
        const text = 'The handbook says that every pallet is counted twice. '.repeat(600);
        const request = ask(HAIKU, 'Who counts?', { system: [{ type: 'text', text, cache_control: { type: 'ephemeral', ttl } }] });
        const first = (await c.messages.create(request)).usage;
        const second = (await c.messages.stream(request).finalMessage()).usage;
        const records = await s.truth(2);
        sameUsage(first, records[0]);
        sameUsage(second, records[1]);
        const written = first.cache_creation_input_tokens;
        assert.ok(written > 4096);
        assert.equal(first.cache_creation[`ephemeral_${ttl}_input_tokens`], written);
        assert.deepEqual([first.cache_read_input_tokens, second.cache_read_input_tokens], [0, written]);
        assert.deepEqual([second.cache_creation_input_tokens, second.input_tokens], [0, first.input_tokens]);
      });
    }

    test('count_tokens', async (t) => {
      const s = await simulate(t);
      const { max_tokens, ...counted } = ask(HAIKU, 'How many tokens is this, with a system prompt?', { system: 'Count.' });
      const { usage } = await client(s).messages.create({ ...counted, max_tokens });
      assert.deepEqual(await client(s).messages.countTokens(counted), { input_tokens: usage.input_tokens });
      assert.ok(usage.input_tokens > 5);
    });

    test('models', async (t) => {
      const s = await simulate(t);
      const c = client(s);
      const all = await c.models.list({ limit: 1000 });
      const ids = all.data.map((m) => m.id);
      assert.ok(!all.has_more && ids.length > 10);
      const paged = [];
      for await (const m of c.models.list({ limit: 5 })) paged.push(m.id);
      assert.deepEqual(paged, ids);
      await s.truth(1 + Math.ceil(ids.length / 5));

      const m = await c.models.retrieve(HAIKU);
      assert.deepEqual(
        [m.id, m.display_name, m.created_at.slice(0, 4), m.max_input_tokens, m.max_tokens],
        ['claude-haiku-4-5-20251001', 'Claude Haiku 4.5', '2025', 200_000, 64_000],
      );
      assert.ok(ids.includes(m.id));
      await assert.rejects(c.models.retrieve('claude-none'), Anthropic.NotFoundError);
    });
  });
}
