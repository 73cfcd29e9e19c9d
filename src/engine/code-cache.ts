/**
 * V8's code caches of bundles, on disk beside them: made when a version is published, read when it is loaded. A cache is
 * machine code to V8, which checks it for accidents and not for malice, so nothing of a file is looked at before its MAC was
 * found right (GMAC under a key of this data directory, 0600). The MAC is bound to the bundle's hash and to Node, V8, its flags
 * and the CPU: a cache that is wrong, cut short, of another bundle or another Node is refused, and made again.
 */
import { createCipheriv, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { chmodSync, linkSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { cachedDataVersionTag } from 'node:v8';
import { NODE_FLAGS } from './flags.ts';

/** Bundles below it are loaded without: what the cache saves there is less than what reading it takes. */
export const CACHED_BYTES = 4096;

const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const MAC_BYTES = 16;
const HEAD_BYTES = NONCE_BYTES + MAC_BYTES;
/** Behind the MAC: how the text is written (a `Form`), its bytes, the text, the cache. */
const TEXT_AT = HEAD_BYTES + 8;
const FORMS = ['module', 'latin1', 'utf16le'] as const;

/** A bundle as it is loaded fastest: a script with V8's cache of it. `null` as its text: as the module it is, without one. */
export interface Pressed {
  readonly text: string | null;
  readonly cache: ArrayBuffer;
}

/** The key under which this Node's caches are kept in `dataDir`; made where there is none. */
export function codeKey(dataDir: string): Uint8Array {
  const { version } = createRequire(import.meta.url)('isolated-vm/package.json') as { version: string };
  const { versions, arch } = process;
  const here = [versions.node, versions.v8, arch, version, NODE_FLAGS, cachedDataVersionTag(), cpus()[0]?.model ?? ''];
  return createHmac('sha256', secret(join(dataDir, 'engine', 'code.key')))
    .update(JSON.stringify(here))
    .digest();
}

/** One that others may read, or of another length, is no secret: it gives way to a new one. */
function secret(file: string): Buffer {
  const known = readOrNull(file);
  if (known?.byteLength === KEY_BYTES && (statSync(file).mode & 0o077) === 0) return known;
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  if (known !== null) rmSync(file, { force: true });
  const temporary = `${file}.${process.pid}`;
  writeFileSync(temporary, randomBytes(KEY_BYTES), { mode: 0o600 });
  chmodSync(temporary, 0o600);
  try {
    // Two hosts that start together: who comes second takes the other's.
    linkSync(temporary, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(temporary, { force: true });
  }
  return readFileSync(file);
}

export class CodeCache {
  readonly #key: Uint8Array;

  constructor(key: Uint8Array) {
    this.#key = key;
  }

  /** `null`: there is none. `'refused'`: there is something else in its place. */
  read(bundlePath: string, hash: string): Pressed | 'refused' | null {
    const file = readOrNull(cachePath(bundlePath));
    if (file === null) return null;
    if (file.byteLength < TEXT_AT) return 'refused';
    const nonce = file.subarray(0, NONCE_BYTES);
    const mac = this.#mac(hash, nonce, file.subarray(HEAD_BYTES));
    if (!timingSafeEqual(mac, file.subarray(NONCE_BYTES, HEAD_BYTES))) return 'refused';
    const form = FORMS[file.readUInt32LE(HEAD_BYTES)]!;
    if (form === 'module') return { text: null, cache: new ArrayBuffer(0) };
    const end = TEXT_AT + file.readUInt32LE(HEAD_BYTES + 4);
    const { buffer, byteOffset, byteLength } = file;
    const cache = buffer.slice(byteOffset + end, byteOffset + byteLength) as ArrayBuffer;
    return { text: file.toString(form, TEXT_AT, end), cache };
  }

  write(bundlePath: string, hash: string, { text, cache }: Pressed): void {
    const form = text === null ? 'module' : isLatin1(text) ? 'latin1' : 'utf16le';
    const bytes = form === 'module' ? Buffer.alloc(0) : Buffer.from(text!, form);
    const head = Buffer.alloc(8);
    head.writeUInt32LE(FORMS.indexOf(form), 0);
    head.writeUInt32LE(bytes.byteLength, 4);
    const rest = Buffer.concat([head, bytes, new Uint8Array(cache)]);
    const nonce = randomBytes(NONCE_BYTES);
    const path = cachePath(bundlePath);
    const temporary = `${path}.${process.pid}.tmp`;
    writeFileSync(temporary, Buffer.concat([nonce, this.#mac(hash, nonce, rest), rest]), { mode: 0o600 });
    renameSync(temporary, path);
  }

  /** AES-GCM of nothing, with `bytes` as what is authenticated: 26 GB/s, where an HMAC has 2. */
  #mac(hash: string, nonce: Uint8Array, bytes: Uint8Array): Buffer {
    const key = createHmac('sha256', this.#key).update(hash).digest();
    const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(bytes);
    cipher.final();
    return cipher.getAuthTag();
  }
}

export function cachePath(bundlePath: string): string {
  return bundlePath.replace(/\.mjs$/, '.code');
}

function isLatin1(text: string): boolean {
  return !/[^\u0000-\u00ff]/.test(text);
}

function readOrNull(file: string): Buffer | null {
  try {
    return readFileSync(file);
  } catch {
    return null;
  }
}
