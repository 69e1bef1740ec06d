import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { HAIKU, KEY, MAJORS, OPUS, ask, fault, received, simulate } from './simulator.mjs';

// What goes wrong, and what each major makes of it: its class by name. The older
// one has no class for 413 and gives every 5xx the same.
const ERRORS = [
  { what: 'unknown field', more: { max_tokns: 3 }, status: 400, kind: 'invalid_request_error', names: ['BadRequestError', 'BadRequestError'] },
  { what: 'wrong key', key: 'sk-ant-other', status: 401, kind: 'authentication_error', names: ['AuthenticationError', 'AuthenticationError'] },
  { what: 'not permitted', fault: 'status=403', status: 403, kind: 'permission_error', names: ['PermissionDeniedError', 'PermissionDeniedError'] },
  { what: 'unknown model', more: { model: 'claude-none' }, status: 404, kind: 'not_found_error', names: ['NotFoundError', 'NotFoundError'] },
  { what: 'over 32 MB', more: { system: 'x'.repeat(33 << 20) }, status: 413, kind: 'request_too_large', names: ['ContentTooLargeError', 'APIError'] },
  { what: 'rate limited', fault: 'status=429', status: 429, kind: 'rate_limit_error', names: ['RateLimitError', 'RateLimitError'] },
  { what: 'server error', fault: 'status=500', status: 500, kind: 'api_error', names: ['InternalServerError', 'InternalServerError'] },
  { what: 'timed out', fault: 'status=504', status: 504, kind: 'timeout_error', names: ['GatewayTimeoutError', 'InternalServerError'] },
  { what: 'overloaded', fault: 'status=529', status: 529, kind: 'overloaded_error', names: ['OverloadedError', 'InternalServerError'] },
];

// attempts checks that the records are attempts of one request, each at least its
// predecessor's retry-after later than that could be read.
function attempts(records, ...status) {
  assert.deepEqual(records.map((r) => r.status), status);
  assert.deepEqual(records.map((r) => r.retry_count), status.map((_, i) => i));
  for (let i = 1; i < records.length; i++) {
    const last = records[i - 1];
    const gap = received(records[i]) - (received(last) + last.first_byte_ms);
    assert.ok(gap >= 1000 * last.retry_after_s - 2, `attempt ${i} came ${gap} ms after the last`); // a timer of Node's may be a millisecond early
  }
}

for (const [i, { name, Anthropic, auth, version }] of MAJORS.entries()) {
  const client = (s, more) => new Anthropic({ baseURL: s.url, apiKey: KEY, ...more });

  describe(`errors, ${name}`, { concurrency: true }, () => {
    for (const e of ERRORS) {
      for (const stream of [false, true]) {
        test(`${e.what}${stream ? ', streamed' : ''}`, async (t) => {
          const s = await simulate(t, '--key', KEY);
          const c = client(s, { maxRetries: 0, apiKey: e.key ?? KEY });
          const request = ask(HAIKU, 'Hi', e.more);
          const call = stream ? c.messages.stream(request, fault(e.fault)).finalMessage() : c.messages.create(request, fault(e.fault));
          await assert.rejects(call, (err) => {
            assert.equal(err.constructor, Anthropic[e.names[i]]);
            assert.equal(err.status, e.status);
            assert.equal(err.error.error.type, e.kind);
            assert.match(err.requestID, /^req_01\w{22}$/);
            assert.equal(err.error.request_id, err.requestID);
            assert.match(err.workspaceID, /^wrkspc_01\w{22}$/);
            return true;
          });
        });
      }
    }

    test('code of an error', async (t) => {
      const c = client(await simulate(t), { maxRetries: 0 });
      for (const code of ['ramp_limit_exceeded', 'enforced_spend_limit_reached']) {
        await assert.rejects(c.messages.create(ask(HAIKU, 'Hi'), fault(`status=429; code=${code}`)), (err) => {
          assert.ok(err instanceof Anthropic.RateLimitError);
          assert.equal(err.error.error.details.error_code, code);
          return true;
        });
      }
    });

    // Inside a stream the status has been sent: the SDK throws its class without
    // one, and does not retry.
    test('error event', async (t) => {
      const s = await simulate(t);
      await assert.rejects(client(s).messages.stream(ask(HAIKU, 'Hi'), fault('error=5')).finalMessage(), (err) => {
        assert.equal(err.constructor, Anthropic.APIError);
        assert.equal(err.status, undefined);
        assert.equal(err.error.error.type, 'overloaded_error');
        return true;
      });
      await s.truth(1);
    });

    // Without an answer that is the SDK's error. Once the headers are here, an
    // answer to be read at once ends in what fetch throws, and a stream in the
    // SDK's error about it. Which of the two it is depends on when the cut is seen.
    test('cut connection', async (t) => {
      const c = client(await simulate(t), { maxRetries: 0 });
      const plain = (text) => c.messages.create(ask(HAIKU, 'Hi'), fault(text));
      const streamed = (text) => c.messages.stream(ask(HAIKU, 'Hi'), fault(text)).finalMessage();
      await assert.rejects(plain('close'), Anthropic.APIConnectionError);
      await assert.rejects(streamed('close'), Anthropic.APIConnectionError);
      for (const text of ['cut=5', 'cut=5; rst']) {
        await assert.rejects(plain(text), (err) => err instanceof Anthropic.APIConnectionError || err.message === 'terminated');
        await assert.rejects(streamed(text), (err) => err instanceof Anthropic.AnthropicError && err.status === undefined);
      }
    });
  });

  describe(`retries, ${name}`, { concurrency: true }, () => {
    // retry-after is longer than any of the SDK's own two pauses would be.
    test('wait as told', async (t) => {
      const s = await simulate(t);
      await assert.rejects(client(s).messages.create(ask(HAIKU, 'Hi'), fault('status=429; for=2s')), Anthropic.RateLimitError);
      const records = await s.truth(3);
      attempts(records, 429, 429, 429);
      assert.deepEqual(records.map((r) => r.retry_after_s), [2, 2, 2]);
    });

    for (const [text, status] of [['status=500', 500], ['status=529', 529], ['close', 0]]) {
      test(`after ${text}`, async (t) => {
        const s = await simulate(t, '--fault', `${text}; every=2`);
        for (let n = 0; n < 2; n++) { // the second request arrives second
          assert.equal((await client(s).messages.stream(ask(HAIKU, 'Hi')).finalMessage()).stop_reason, 'end_turn');
        }
        attempts((await s.truth(3)).slice(1), status, 200);
      });
    }

    // What the API says is in vain.
    for (const text of ['status=400', 'status=403', 'status=429; code=enforced_spend_limit_reached']) {
      test(`none after ${text}`, async (t) => {
        const s = await simulate(t);
        await assert.rejects(client(s).messages.create(ask(HAIKU, 'Hi'), fault(text)), (err) => {
          assert.ok(err instanceof Anthropic.APIError);
          assert.equal(err.headers.get('retry-after'), null);
          return true;
        });
        await s.truth(1);
      });
    }

    // A real limit: the bucket is emptied, and the retry is let in after the time
    // the API told it to wait.
    test('rate limit', async (t) => {
      const s = await simulate(t, '--tier', 'tier1'); // haiku: 50,000 input tokens a minute
      const c = client(s);
      const { max_tokens, ...counted } = ask(HAIKU, 'word '.repeat(10_000));
      const each = (await c.messages.countTokens(counted)).input_tokens / 10_000;
      await c.messages.create(ask(HAIKU, 'word '.repeat(49_000 / each)));
      const { response } = await c.messages.create(ask(HAIKU, 'word '.repeat(6_000 / each))).withResponse();
      const [limited, admitted] = (await s.truth(4)).slice(2);
      attempts([limited, admitted], 429, 200);
      assert.equal(limited.limited_by, 'input_tokens');
      assert.ok(limited.retry_after_s >= 1 && limited.retry_after_s <= 6);
      assert.equal(response.headers.get('anthropic-ratelimit-input-tokens-limit'), '50000');
    });
  });

  describe(`caller, ${name}`, { concurrency: true }, () => {
    // Nothing but the two variables of the documentation.
    test('environment', async (t) => {
      const s = await simulate(t, '--key', KEY);
      Object.assign(process.env, { ANTHROPIC_BASE_URL: s.url, ANTHROPIC_API_KEY: KEY });
      const c = new Anthropic();
      delete process.env.ANTHROPIC_BASE_URL;
      delete process.env.ANTHROPIC_API_KEY;
      await c.messages.create(ask(OPUS, 'Hi'));
      const [record] = await s.truth(1);
      assert.deepEqual([record.auth, record.version], [auth, version]);
    });

    test('both headers', async (t) => {
      const s = await simulate(t, '--key', KEY);
      await client(s).messages.create(ask(HAIKU, 'Hi'));
      await client(s, { apiKey: null, authToken: KEY }).messages.create(ask(HAIKU, 'Hi'));
      await client(s).messages.create(ask(HAIKU, 'Hi'), { headers: { 'x-api-key': KEY, authorization: null } });
      assert.deepEqual((await s.truth(3)).map((r) => r.auth), [auth, 'authorization', 'x-api-key']);
    });

    // Sampling fields left with 2026-10-21.
    test('both versions', async (t) => {
      const s = await simulate(t);
      const call = (v) => client(s).messages.create(ask(HAIKU, 'Hi', { temperature: 0.5 }), { headers: { 'anthropic-version': v } });
      await call('2023-06-01');
      await assert.rejects(call('2026-10-21'), Anthropic.BadRequestError);
      await assert.rejects(call('2022-01-01'), Anthropic.BadRequestError);
      assert.deepEqual((await s.truth(3)).map((r) => r.version), ['2023-06-01', '2026-10-21', '']);
    });
  });
}
