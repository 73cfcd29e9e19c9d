/**
 * A program for the crash tests: appends to the ledger or the inbox as fast as answers come and prints every id it was
 * told is durable, until somebody kills it. `node store-load.ts ledger|inbox DATA_DIR`; lines `s ID` (START durable),
 * `e ID` (record durable), `a ID` (delivery accepted), `f ID` (attempt ended), `! REASON` (a write failed).
 */
import { writeSync } from 'node:fs';
import { newInvocationId } from '../../src/contract/ids.ts';
import type { UsageRecord } from '../../src/contract/usage.ts';
import { openInbox, openLedger } from '../../src/store/store.ts';

const [, , what, dataDir = ''] = process.argv;
/** Synchronous: a line that was printed is out of the process. */
const say = (line: string): void => void writeSync(1, `${line}\n`);

function record(): UsageRecord {
  const now = Date.now();
  return {
    ...{ invocationId: newInvocationId(now), attempt: 1, requestId: 'r', traceId: '0'.repeat(32), tenant: 'default' },
    ...{
      function: 'load',
      version: 1,
      trigger: 'http',
      source: '/',
      cold: false,
      startedAt: new Date(now).toISOString(),
    },
    ...{ queueNs: 1, memoryLimitMiB: 128, isolateId: 'i', engineId: 'e', hostId: `host-${process.pid}` },
    ...{ outcome: 'ok', status: 200, initNs: 0, runNs: 1_500_000, billedMs: 2, cpuNs: 5, cpuEstimated: false },
    ...{ hostCpuNs: 0, isolateMemoryPeakBytes: 0, mibMs: 256, sharedMibMs: 256, requestBytes: 0, responseBytes: 0 },
    ...{ subrequests: 0, closedBy: 'normal' },
  };
}

async function loadLedger(): Promise<void> {
  const ledger = await openLedger({ dataDir, hostId: `host-${process.pid}`, durability: 'process' });
  const durable = (): Promise<void> => new Promise((then, failed) => ledger.whenDurable(then, failed));
  const lane = async (splits: boolean): Promise<void> => {
    for (;;) {
      const row = record();
      ledger.start(row);
      if (splits) {
        await durable();
        say(`s ${row.invocationId}`);
      }
      ledger.end(row);
      await durable();
      say(`e ${row.invocationId}`);
    }
  };
  say('ready');
  await Promise.all(Array.from({ length: 16 }, (_, index) => lane(index % 2 === 0)));
}

async function loadInbox(): Promise<void> {
  const inbox = await openInbox({ dataDir, owner: `host-${process.pid}` });
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

(what === 'inbox' ? loadInbox() : loadLedger()).catch((error: unknown) => {
  say(`! ${error instanceof Error ? error.message : String(error)}`);
  process.exit(3);
});
