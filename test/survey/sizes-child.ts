/**
 * Runs single calls with hostile sizes, one after another, in isolates with the runtime in place, and says before and
 * after each which it is. Its parent kills it when a call does not come back: that is what this process is for.
 */
import { writeSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import ivm from 'isolated-vm';
import { Codecs } from '../../src/engine/compression.ts';
import { createHooks, HOOK_ORDER } from '../../src/engine/hooks.ts';
import { makeSnapshot } from '../../src/engine/image.ts';
import { preludeParts, preludeSource } from '../../src/engine/prelude.ts';

const TIMEOUT_MS = 100;

const prelude = await preludeSource();
const { late } = preludeParts(prelude);
const snapshot = new ivm.ExternalCopy(makeSnapshot(prelude));
const calls = JSON.parse(await text(process.stdin)) as readonly string[];

function fresh(): { isolate: ivm.Isolate; context: ivm.Context } {
  const isolate = new ivm.Isolate({
    memoryLimit: 128,
    snapshot,
    onCatastrophicError: () => process.kill(process.pid, 'SIGKILL'),
  });
  const context = isolate.createContextSync();
  const hooks = createHooks(
    { log: () => true, subtle: () => '!OperationError: not here', nodeCrypto: () => '![]', codecs: new Codecs(64) },
    late,
  );
  const boot = context.global.getSync('__isolane', { reference: true }) as ivm.Reference;
  boot.applySync(
    undefined,
    HOOK_ORDER.map((name) => new ivm.Callback(hooks[name] as never)),
    { result: { reference: true } },
  );
  return { isolate, context };
}

let { isolate, context } = fresh();
calls.forEach((call, index) => {
  writeSync(1, `begin ${index}\n`);
  try {
    context.evalSync(`try { ${call}; } catch {}`, { timeout: TIMEOUT_MS });
  } catch {
    // Ended, or refused before it began. A killed isolate is not used again.
    if (!isolate.isDisposed) isolate.dispose();
    ({ isolate, context } = fresh());
  }
  writeSync(1, `end ${index}\n`);
});
process.kill(process.pid, 'SIGKILL');
