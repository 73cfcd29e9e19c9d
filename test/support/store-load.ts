/**
 * A program for the crash tests: appends to the ledger or the inbox as fast as answers come and prints every id it was
 * told is durable, until somebody kills it. `node store-load.ts process|power|inbox|recover DATA_DIR [SEGMENT_BYTES]`;
 * lines `s ID` (START durable), `e ID` (record durable), `a ID` (delivery accepted), `f ID` (attempt ended),
 * `! REASON` (a write failed). `recover` only takes over what dead hosts left.
 */
import { writeSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { newInvocationId } from '../../src/contract/ids.ts';
import type { UsageRecord } from '../../src/contract/usage.ts';
import { openHostLock, openInbox, openLedger } from '../../src/store/store.ts';

const [, , what, dataDir = '', segmentBytes] = process.argv;
const hostId = `host-${process.pid}`;

/** Synchronous: a line that was printed is out of the process. The pipe may be full for a moment. */
function say(line: string): void {
  let text = `${line}\n`;
  while (text !== '') {
    try {
      text = text.slice(writeSync(1, text));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}

function record(): UsageRecord {
  const now = Date.now();
  const id = newInvocationId(now);
  return {
    ...{ invocationId: id, attempt: 1, requestId: id, traceId: '0'.repeat(32), tenant: 'default' },
    ...{
      function: 'load',
      version: 1,
      trigger: 'http',
      source: '/',
      cold: false,
      startedAt: new Date(now).toISOString(),
    },
    ...{ queueNs: 1, memoryLimitMiB: 128, isolateId: 'i', engineId: 'e', hostId },
    ...{ outcome: 'ok', status: 200, initNs: 0, runNs: 1_500_000, billedMs: 2, cpuNs: 5, cpuEstimated: false },
    ...{ hostCpuNs: 0, isolateMemoryPeakBytes: 0, mibMs: 256, sharedMibMs: 256, requestBytes: 0, responseBytes: 0 },
    ...{ subrequests: 0, closedBy: 'normal' },
  };
}

async function loadLedger(durability: 'process' | 'power'): Promise<void> {
  const journal = segmentBytes === undefined ? {} : { segmentBytes: Number(segmentBytes) };
  const ledger = await openLedger({ dataDir, hostId, durability, journal });
  const durable = (): Promise<void> => new Promise((then, failed) => ledger.whenDurable(then, failed));
  const lane = async (splits: boolean): Promise<void> => {
    for (;;) {
      const row = record();
      ledger.start(row);
      if (splits) {
        await durable();
        say(`s ${row.invocationId}`);
        await setImmediate();
      }
      ledger.end(row);
      await durable();
      say(`e ${row.invocationId}`);
      // Without a turn of the event loop nothing would ever reach SQLite.
      await setImmediate();
    }
  };
  // One that is open whenever the kill comes.
  const open = record();
  ledger.start(open);
  await durable();
  say('ready');
  say(`s ${open.invocationId}`);
  await Promise.all(Array.from({ length: 16 }, (_, index) => lane(index % 2 === 0)));
}

async function loadInbox(): Promise<void> {
  const inbox = await openInbox({ dataDir, owner: hostId });
  const lane = async (running: boolean): Promise<void> => {
    for (;;) {
      const now = Date.now();
      const id = newInvocationId(now);
      const delivery = {
        ...{ id, endpoint: 'e', provider: 'github', dedupKey: id, keyId: 'k', receivedAt: new Date(now).toISOString() },
        ...{ method: 'POST', target: '/', headers: ['a', 'b'], body: Buffer.from(id), traceparent: '' },
      };
      await inbox.accept(delivery, { maxAttempts: 3, dedupMs: 1000, running });
      say(`a ${id}`);
      if (!running) continue;
      await inbox.finish(id, { state: 'succeeded', retryAtMs: null, outcome: 'ok', status: 200 });
      say(`f ${id}`);
    }
  };
  say('ready');
  await Promise.all(Array.from({ length: 8 }, (_, index) => lane(index % 2 === 0)));
}

async function recoverOnly(): Promise<void> {
  say('ready');
  const ledger = await openLedger({ dataDir, hostId, durability: 'process' });
  await ledger.recover();
  await ledger.close();
}

function run(): Promise<void> {
  switch (what) {
    case 'process':
    case 'power':
      return loadLedger(what);
    case 'inbox':
      return loadInbox();
    case 'recover':
      return recoverOnly();
    default:
      return Promise.reject(new Error(`unknown load ${what}`));
  }
}

// It goes with the process.
openHostLock(dataDir, hostId);
run().catch((error: unknown) => {
  say(`! ${error instanceof Error ? error.message : String(error)}`);
  process.exit(3);
});
