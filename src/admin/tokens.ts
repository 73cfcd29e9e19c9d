/**
 * Bearer tokens. The admin token stands in a file of mode 0600 for the operator to read; of all tokens only the
 * SHA-256 is kept otherwise (they are 256 random bits, so no slow hash is needed). A token is shown once, when it is
 * made, never logged and never part of an error. The table is read again when its file changes, so tokens made or
 * revoked by another process count within a second.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { chmodSync, lstatSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { HostError } from '../contract/errors.ts';
import { privateMode, writePrivateFile } from './private-file.ts';
import { isScope, SCOPES, type Scope } from './scope.ts';

export interface TokenInfo {
  readonly id: string;
  readonly scopes: readonly Scope[];
  readonly note: string;
  /** ISO 8601 UTC. */
  readonly createdAt: string;
}

export interface Tokens {
  /** Absolute path of the file that holds the admin token. */
  readonly adminTokenFile: string;
  /** `admin` comes back as all scopes. */
  verify(token: string): { readonly id: string; readonly scopes: readonly Scope[] } | null;
  /** The only time the token itself is seen. */
  create(scopes: readonly Scope[], note: string): { readonly id: string; readonly token: string };
  list(): readonly TokenInfo[];
  /** False when there was none of this id. */
  revoke(id: string): boolean;
}

const TOKEN = /^iso_[A-Za-z0-9_-]{43}$/;
const ADMIN_ID = 'admin';
const RELOAD_MS = 1000;
const MAX_TOKENS = 1000;

const ROW = z.strictObject({
  id: z.string().min(1).max(64),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  scopes: z.array(z.string().refine(isScope)).min(1),
  note: z.string().max(200),
  createdAt: z.iso.datetime(),
});
const TABLE = z.strictObject({ tokens: z.array(ROW).max(MAX_TOKENS) });

interface Row extends TokenInfo {
  /** Lower-case hex. */
  readonly sha256: string;
}

/** Opens the tokens of a data dir, making the admin token on first use. */
export function openTokens(
  dataDir: string,
  warn: (sentence: string) => void = (sentence) => process.stderr.write(`${sentence}\n`),
  now: () => number = Date.now,
): Tokens {
  return new FileTokens(dataDir, warn, now);
}

class FileTokens implements Tokens {
  readonly adminTokenFile: string;
  readonly #tableFile: string;
  readonly #now: () => number;
  readonly #warn: (sentence: string) => void;
  #rows: readonly Row[] = [];
  #hashes: readonly Buffer[] = [];
  #stamp = '';
  #checkedAtMs = Number.NEGATIVE_INFINITY;

  constructor(dataDir: string, warn: (sentence: string) => void, now: () => number) {
    this.adminTokenFile = join(dataDir, 'admin-token');
    this.#tableFile = join(dataDir, 'tokens.json');
    this.#warn = warn;
    this.#now = now;
    this.#load();
    this.#ensureAdmin();
  }

  verify(token: string): { readonly id: string; readonly scopes: readonly Scope[] } | null {
    this.#reload();
    if (!TOKEN.test(token)) return null;
    const presented = createHash('sha256').update(token).digest();
    let found: Row | null = null;
    // Every row is compared, equal or not: the time says nothing about which one it was.
    for (const [at, hash] of this.#hashes.entries()) {
      if (timingSafeEqual(hash, presented)) found = this.#rows[at] ?? null;
    }
    if (found === null) return null;
    return { id: found.id, scopes: found.scopes.includes('admin') ? SCOPES : found.scopes };
  }

  create(scopes: readonly Scope[], note: string): { readonly id: string; readonly token: string } {
    if (scopes.length === 0) {
      throw new HostError('BAD_REQUEST', `A token needs at least one scope; use ${SCOPES.join(', ')}.`);
    }
    this.#load();
    if (this.#rows.length >= MAX_TOKENS) {
      throw new HostError('BAD_REQUEST', `There are ${MAX_TOKENS} tokens, the most there can be; revoke one first.`);
    }
    const token = newToken();
    const id = randomBytes(6).toString('hex');
    const row = this.#row(id, token, { scopes: [...new Set(scopes)], note: note.slice(0, 200) });
    this.#store([...this.#rows, row]);
    return { id, token };
  }

  list(): readonly TokenInfo[] {
    this.#reload();
    return this.#rows.map(({ id, scopes, note, createdAt }) => ({ id, scopes, note, createdAt }));
  }

  revoke(id: string): boolean {
    if (id === ADMIN_ID) {
      throw new HostError(
        'BAD_REQUEST',
        'The admin token cannot be revoked; to replace it, delete the file `admin-token` in the data dir and restart.',
      );
    }
    this.#load();
    const left = this.#rows.filter((row) => row.id !== id);
    if (left.length === this.#rows.length) return false;
    this.#store(left);
    return true;
  }

  /** The file is what counts: a token in it is the admin token, whatever the table says; no file, a new token. */
  #ensureAdmin(): void {
    const present = this.#readAdminFile();
    const token = present ?? newToken();
    const row = this.#row(ADMIN_ID, token, { scopes: ['admin'], note: 'the admin token' });
    const known = this.#rows.find(({ id }) => id === ADMIN_ID);
    if (known?.sha256 !== row.sha256) this.#store([row, ...this.#rows.filter(({ id }) => id !== ADMIN_ID)]);
    if (present === null) writePrivateFile(this.adminTokenFile, `${token}\n`);
  }

  #readAdminFile(): string | null {
    const file = this.adminTokenFile;
    const stats = lstatSync(file, { throwIfNoEntry: false });
    if (stats === undefined) return null;
    if (!stats.isFile()) {
      throw new HostError('DATA_DIR_UNUSABLE', `\`${file}\` is not a regular file; remove it and start again.`);
    }
    if ((stats.mode & 0o077) !== 0) {
      chmodSync(file, privateMode);
      const had = (stats.mode & 0o777).toString(8).padStart(4, '0');
      this.#warn(
        `The admin token file \`${file}\` had mode ${had}, so others could read it; it is 0600 now. Delete it and restart for a new token.`,
      );
    }
    const token = readFileSync(file, 'utf8').trim();
    if (TOKEN.test(token)) return token;
    throw new HostError(
      'DATA_DIR_UNUSABLE',
      `\`${file}\` holds no token; delete it and start again, and a new one is made.`,
    );
  }

  #row(id: string, token: string, { scopes, note }: Pick<TokenInfo, 'scopes' | 'note'>): Row {
    const sha256 = createHash('sha256').update(token).digest('hex');
    return { id, sha256, scopes, note, createdAt: new Date(this.#now()).toISOString() };
  }

  #reload(): void {
    const now = this.#now();
    if (now - this.#checkedAtMs < RELOAD_MS) return;
    this.#checkedAtMs = now;
    if (stampOf(this.#tableFile) === this.#stamp) return;
    try {
      this.#load();
    } catch (error) {
      this.#warn(error instanceof Error ? error.message : String(error));
    }
  }

  #load(): void {
    const file = this.#tableFile;
    this.#stamp = stampOf(file);
    if (this.#stamp === '') {
      this.#take([]);
      return;
    }
    let rows: readonly Row[];
    try {
      rows = TABLE.parse(JSON.parse(readFileSync(file, 'utf8'))).tokens;
    } catch (error) {
      // Refusing everybody is the safe reading of a table that cannot be read.
      this.#take([]);
      throw new HostError(
        'DATA_DIR_UNUSABLE',
        `\`${file}\` is damaged; restore it, or delete it to revoke all tokens.`,
        {
          cause: error,
        },
      );
    }
    if ((statSync(file).mode & 0o077) !== 0) chmodSync(file, privateMode);
    this.#take(rows);
  }

  #store(rows: readonly Row[]): void {
    writePrivateFile(this.#tableFile, `${JSON.stringify({ tokens: rows }, null, 2)}\n`);
    this.#stamp = stampOf(this.#tableFile);
    this.#take(rows);
  }

  #take(rows: readonly Row[]): void {
    this.#rows = rows;
    this.#hashes = rows.map(({ sha256 }) => Buffer.from(sha256, 'hex'));
  }
}

function newToken(): string {
  return `iso_${randomBytes(32).toString('base64url')}`;
}

/** Changes whenever the file does; empty when there is none. */
function stampOf(file: string): string {
  const stats = statSync(file, { bigint: true, throwIfNoEntry: false });
  return stats === undefined ? '' : `${stats.ino}-${stats.mtimeNs}-${stats.size}`;
}
