import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openTokens, SCOPES, type Tokens } from '../../../src/admin/admin.ts';

let dir = '';
let said: string[] = [];
let now = 1_763_632_800_000;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'isolane-tokens-'));
  said = [];
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const opened = (): Tokens =>
  openTokens(
    dir,
    (sentence) => said.push(sentence),
    () => now,
  );
const file = (name: string) => join(dir, name);
const mode = (name: string) => statSync(file(name)).mode & 0o777;
const adminToken = () => readFileSync(file('admin-token'), 'utf8').trim();

describe('the admin token', () => {
  it('is made once, readable by its owner alone, and kept only as a hash elsewhere', () => {
    const tokens = opened();
    const token = adminToken();
    expect(token).toMatch(/^iso_[A-Za-z0-9_-]{43}$/);
    expect(tokens.adminTokenFile).toBe(file('admin-token'));
    expect([mode('admin-token'), mode('tokens.json')]).toEqual([0o600, 0o600]);
    expect(readFileSync(file('tokens.json'), 'utf8')).not.toContain(token.slice(4));
    expect(readdirSync(dir).sort()).toEqual(['admin-token', 'tokens.json']);
    expect(tokens.verify(token)).toEqual({ id: 'admin', scopes: SCOPES });
    expect(opened().verify(token)?.id).toBe('admin');
    expect(adminToken()).toBe(token);
    expect(said).toEqual([]);
  });

  it('is replaced by deleting its file, and the old one ends', () => {
    opened();
    const old = adminToken();
    rmSync(file('admin-token'));
    const tokens = opened();
    expect(adminToken()).not.toBe(old);
    expect(tokens.verify(old)).toBeNull();
    expect(tokens.verify(adminToken())?.id).toBe('admin');
    expect(tokens.list()).toHaveLength(1);
  });

  it('survives the loss of the table', () => {
    opened();
    rmSync(file('tokens.json'));
    expect(opened().verify(adminToken())?.id).toBe('admin');
  });

  it('with a mode that lets others read is fixed, and said without showing it', () => {
    opened();
    chmodSync(file('admin-token'), 0o644);
    opened();
    expect(mode('admin-token')).toBe(0o600);
    expect(said).toHaveLength(1);
    expect(said[0]).toContain('0644');
    expect(said[0]).not.toContain(adminToken().slice(4));
  });

  it.each([
    ['garbage', () => writeFileSync(file('admin-token'), 'hunter2\n', { mode: 0o600 })],
    ['a link', () => symlinkSync('/etc/hostname', file('admin-token'))],
    ['a folder', () => mkdirSync(file('admin-token'))],
  ])('is refused when its file is %s, by name and without its content', (_what, make) => {
    make();
    expect(opened).toThrow(/admin-token/);
    expect(opened).not.toThrow(/hunter2/);
  });
});

describe('further tokens', () => {
  it('carry their scopes, are listed without secrets and can be revoked', () => {
    const tokens = opened();
    const { id, token } = tokens.create(['read', 'invoke', 'read'], 'ci');
    expect(tokens.verify(token)).toEqual({ id, scopes: ['read', 'invoke'] });
    const listed = tokens.list();
    expect(listed.find((one) => one.id === id)).toEqual({
      id,
      scopes: ['read', 'invoke'],
      note: 'ci',
      createdAt: '2025-11-20T10:00:00.000Z',
    });
    expect(JSON.stringify(listed)).not.toMatch(/sha256|iso_/);
    expect(tokens.revoke(id)).toBe(true);
    expect(tokens.revoke(id)).toBe(false);
    expect(tokens.verify(token)).toBeNull();
  });

  it.each(['', 'iso_', 'Bearer x', `iso_${'a'.repeat(43)}`, `iso_${'a'.repeat(5000)}`, '__proto__'])(
    'are not verified when unknown: %s',
    (token) => {
      expect(opened().verify(token)).toBeNull();
    },
  );

  it('made or revoked by another process count within a second', () => {
    const [here, there] = [opened(), opened()];
    here.verify('warm the check');
    const { id, token } = there.create(['read'], '');
    expect(here.verify(token)).toBeNull();
    now += 1000;
    expect(here.verify(token)?.id).toBe(id);
    there.revoke(id);
    now += 1000;
    expect(here.verify(token)).toBeNull();
  });

  it('need a scope, and the admin token stays', () => {
    const tokens = opened();
    expect(() => tokens.create([], '')).toThrow(/at least one scope/);
    expect(() => tokens.revoke('admin')).toThrow(/delete the file/);
  });

  it('are all refused, and no file is overwritten, when the table is damaged', () => {
    const tokens = opened();
    writeFileSync(file('tokens.json'), '{"tokens":');
    expect(opened).toThrow(/tokens\.json` is damaged/);
    now += 1000;
    expect(tokens.verify(adminToken())).toBeNull();
    expect(said).toHaveLength(1);
    expect(() => tokens.create(['read'], '')).toThrow(/damaged/);
    expect(readFileSync(file('tokens.json'), 'utf8')).toBe('{"tokens":');
    expect(existsSync(file('admin-token'))).toBe(true);
  });
});
