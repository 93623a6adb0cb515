// A test sees all that a process printed.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Child } from './process.mjs';

// Prints only when the shell that started it has ended and has been waited for.
const LATE = '(while kill -0 $$ 2> /dev/null; do :; done; echo "späte Zeile") &';

test('a process has finished when its output has been read', async () => {
  const child = new Child('bash', ['-c', LATE]);
  assert.deepEqual(await child.finished, { code: 0, signal: null });
  assert.equal(child.output, 'späte Zeile\n');
});

test('what a process prints at its end is not missed', async () => {
  const child = new Child('bash', ['-c', LATE]);
  await child.prints('späte Zeile');
});
