// Starts tokenload sim as a process of its own and reads the truth it tells.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import Anthropic1 from '@anthropic-ai/sdk';
import Anthropic0 from 'anthropic-0';

// The majors of the SDK, and what each sends unless told otherwise.
export const MAJORS = [
  { name: 'major 1', Anthropic: Anthropic1, auth: 'authorization', version: '2026-10-21' },
  { name: 'major 0', Anthropic: Anthropic0, auth: 'x-api-key', version: '2023-06-01' },
];

export const KEY = 'sk-ant-referee';

// The older model takes forced tools and sampling fields, the newer always thinks.
export const HAIKU = 'claude-haiku-4-5';
export const OPUS = 'claude-opus-5-5';

export const ask = (model, text, more) => ({ model, max_tokens: 400, messages: [{ role: 'user', content: text }], ...more });

// fault makes the simulator answer a request with a fault.
export const fault = (text) => ({ headers: { 'x-sim-fault': text } });

// simulate starts a simulator without delays and ends it, as Ctrl-C does, when
// the test ends.
export async function simulate(t, ...args) {
  const command = ['sim', '--addr', '127.0.0.1:0', '--profile', 'instant', ...args];
  const child = spawn(process.env.TOKENLOAD, command, { stdio: ['ignore', 'ignore', 'pipe'] });
  const exit = once(child, 'exit');
  t.after(async () => {
    child.kill('SIGINT');
    const [code] = await exit;
    assert.equal(code, 0, 'exit code of the simulator');
  });
  for await (const line of createInterface({ input: child.stderr })) {
    const ready = /ready on (http:\/\/\S+)/.exec(line);
    if (ready) return new Simulator(ready[1]);
  }
  throw new Error('the simulator ended before it was ready');
}

// received is when a request came, in milliseconds and parts of them.
export const received = (r) => Date.parse(`${r.received.slice(0, 19)}Z`) + 1000 * Number(`0${/\.\d+/.exec(r.received) ?? ''}`);

class Simulator {
  constructor(url) {
    this.url = url;
  }

  // truth returns the records of n requests, in the order in which they came. A
  // record may be written a moment after its answer, and after the next one's.
  async truth(n) {
    for (const deadline = performance.now() + 10_000; ; await pause(5)) {
      const text = await (await fetch(`${this.url}/sim/truth`)).text();
      const records = text.trim().split('\n').map((line) => JSON.parse(line)).filter((r) => r.type === 'request');
      if (records.length === n) return records.sort((a, b) => received(a) - received(b));
      assert.ok(records.length < n && performance.now() < deadline, `the truth tells of ${records.length} requests, want ${n}: ${text}`);
    }
  }
}

// sameUsage holds an SDK's figures against the truth.
export function sameUsage(usage, record) {
  assert.deepEqual(
    {
      input: usage.input_tokens,
      output: usage.output_tokens,
      thinking: usage.output_tokens_details?.thinking_tokens ?? 0,
      read: usage.cache_read_input_tokens,
      written: usage.cache_creation_input_tokens,
      '5m': usage.cache_creation.ephemeral_5m_input_tokens,
      '1h': usage.cache_creation.ephemeral_1h_input_tokens,
    },
    {
      input: record.input_tokens,
      output: record.output_tokens,
      thinking: record.thinking_tokens,
      read: record.cache_read_tokens,
      written: record.cache_write_5m_tokens + record.cache_write_1h_tokens,
      '5m': record.cache_write_5m_tokens,
      '1h': record.cache_write_1h_tokens,
    },
  );
  assert.ok(usage.output_tokens > 0 && usage.input_tokens + usage.cache_read_input_tokens + usage.cache_creation_input_tokens > 0);
}
