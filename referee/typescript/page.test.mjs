import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { simulate } from './simulator.mjs';

// The TypeScript of the simulator's page runs as it stands: it has no types to strip.
test('page', async (t) => {
  const page = await readFile(new URL('../../docs/simulator.md', import.meta.url), 'utf8');
  const examples = [...page.matchAll(/^```typescript\n(.*?)^```/gms)].map((m) => m[1]);
  assert.equal(examples.length, 1);
  const s = await simulate(t);
  const file = new URL('./page.example.mjs', import.meta.url);
  t.after(() => rm(file, { force: true }));
  await writeFile(file, examples[0].replace('http://127.0.0.1:8787', s.url));
  const { stdout } = await promisify(execFile)(process.execPath, [file.pathname]);
  assert.match(stdout, /machine learning/);
  assert.equal((await s.truth(1))[0].status, 200);
});
