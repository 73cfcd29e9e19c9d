/**
 * The guest runtime as isolates start from it: its source, and a V8 startup snapshot of it where that is safe here.
 * A snapshot makes a booted isolate in 4 ms instead of 17. isolated-vm advises against snapshots (no limits while one is
 * made, crashes in old versions), so only our own prelude goes in, and only after a child process has made and used one
 * on this very Node: a crash there costs the snapshot, not the host.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { access } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import ivm from 'isolated-vm';
import { HostError } from '../contract/errors.ts';
import { ISOLATED_VM_MIN, NODE_FLAGS, SNAPSHOT_FLAGS } from './flags.ts';
import { PRELUDE_NAME, preludeParts, preludeSource } from './prelude.ts';
import { warmUp } from './warm-up.ts';

export interface Image {
  readonly prelude: string;
  /** `null`: isolates evaluate the prelude. */
  readonly snapshot: ArrayBuffer | null;
}

const TEST_TIMEOUT_MS = 20_000;

/** Throws `ENGINE_UNSUPPORTED` when the engine is missing for this platform or older than the first safe version. */
export function checkEngine(): void {
  const { version } = createRequire(import.meta.url)('isolated-vm/package.json') as { version: string };
  if (version.localeCompare(ISOLATED_VM_MIN, 'en', { numeric: true }) >= 0) return;
  throw new HostError(
    'ENGINE_UNSUPPORTED',
    `isolated-vm ${version} lets guests corrupt host memory (GHSA-864f-rcv7-6rh4); install ${ISOLATED_VM_MIN} or later.`,
  );
}

/** Makes the image; `log` hears why there is no snapshot. The verdict of the self-test is kept under `dataDir`. */
export async function openImage(dataDir: string, log: (line: string) => void): Promise<Image> {
  checkEngine();
  const prelude = await preludeSource();
  const passed = await selfTest(prelude, dataDir);
  if (passed !== true) {
    log(`Isolates start without a snapshot (12 ms slower each): the self-test failed (${passed}).`);
    return { prelude, snapshot: null };
  }
  return { prelude, snapshot: makeSnapshot(prelude) };
}

export function makeSnapshot(prelude: string): ArrayBuffer {
  setFlagsFromString(SNAPSHOT_FLAGS.during);
  try {
    const scripts = [{ code: preludeParts(prelude).script, filename: PRELUDE_NAME }];
    return ivm.Isolate.createSnapshot(scripts, warmUp()).copy();
  } finally {
    if (SNAPSHOT_FLAGS.after !== null) setFlagsFromString(SNAPSHOT_FLAGS.after);
  }
}

/** `true`, or why not. Run once for each combination of Node, engine and prelude. */
async function selfTest(prelude: string, dataDir: string): Promise<true | string> {
  const key = createHash('sha256')
    .update(JSON.stringify([process.versions, process.arch, NODE_FLAGS, SNAPSHOT_FLAGS]))
    .update(prelude)
    .update(warmUp())
    .digest('hex');
  const marker = join(dataDir, 'engine', `snapshot-${key.slice(0, 32)}.ok`);
  if (
    await access(marker).then(
      () => true,
      () => false,
    )
  )
    return true;
  try {
    const script = fileURLToPath(
      new URL(import.meta.url.endsWith('.ts') ? './image-test.ts' : './image-test.js', import.meta.url),
    );
    await promisify(execFile)(process.execPath, [...NODE_FLAGS, script], { env: {}, timeout: TEST_TIMEOUT_MS });
  } catch (error) {
    const { signal, code } = error as { signal?: string | null; code?: number | string };
    return signal ?? `exit ${code ?? 'unknown'}`;
  }
  mkdirSync(dirname(marker), { recursive: true, mode: 0o700 });
  writeFileSync(marker, '', { mode: 0o600 });
  return true;
}
