/**
 * Other platforms that bench compares isolane with and does not depend on: pinned in bench/peers, installed into bench/.cache when
 * they are first asked for, without running their scripts. One that cannot be had is missing by name and with the reason.
 */
import { execFile } from 'node:child_process';
import { access, copyFile, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

export const PEERS = ['miniflare', 'deno', 'bun', 'lambda-local'] as const;
export type PeerName = (typeof PEERS)[number];

const PINNED = join(import.meta.dirname, 'peers');
const CACHE = join(import.meta.dirname, '.cache/peers');
const FILES = ['package.json', 'package-lock.json'] as const;
const INSTALL_WITHIN_MS = 300_000;

/** A peer's command, by platform; the packages of the two bring a script that would fetch or link it. */
const BINARIES: Readonly<Partial<Record<PeerName, Readonly<Record<string, string>>>>> = {
  deno: {
    'linux-x64': '@deno/linux-x64-glibc/deno',
    'linux-arm64': '@deno/linux-arm64-glibc/deno',
    'darwin-x64': '@deno/darwin-x64/deno',
    'darwin-arm64': '@deno/darwin-arm64/deno',
  },
  bun: {
    'linux-x64': '@oven/bun-linux-x64/bin/bun',
    'linux-arm64': '@oven/bun-linux-aarch64/bin/bun',
    'darwin-x64': '@oven/bun-darwin-x64/bin/bun',
    'darwin-arm64': '@oven/bun-darwin-aarch64/bin/bun',
  },
};

/** Installs what is pinned unless it is there; resolves with why it is not. */
export async function installPeers(progress: (line: string) => void): Promise<string | null> {
  if (await isCurrent()) return null;
  progress(`installing ${PEERS.join(', ')} into bench/.cache (once)…`);
  await mkdir(CACHE, { recursive: true });
  for (const file of FILES) await copyFile(join(PINNED, file), join(CACHE, file));
  try {
    // Not `ci`: that refuses a lock file which lacks the optional packages of some other platform.
    const words = ['install', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
    await promisify(execFile)('npm', words, { cwd: CACHE, timeout: INSTALL_WITHIN_MS });
    return null;
  } catch (error) {
    const { stderr = '', message } = error as Error & { readonly stderr?: string };
    return `npm install failed: ${(stderr.trim() || message).split('\n').slice(0, 2).join(' ')}`;
  }
}

/** Why a peer cannot be run; `null`: it can. */
export async function missingPeer(name: PeerName): Promise<string | null> {
  if (!(await isCurrent())) return 'not installed; a run without --small installs it';
  try {
    await access(peerFile(name));
    return null;
  } catch {
    return `no ${name} for ${process.platform} ${process.arch}`;
  }
}

/** What is run: a binary, or the folder of a package. */
export function peerFile(name: PeerName): string {
  const binary = BINARIES[name]?.[`${process.platform}-${process.arch}`];
  return join(CACHE, 'node_modules', binary ?? name);
}

export async function peerVersion(name: PeerName): Promise<string> {
  const { dependencies } = JSON.parse(await readFile(join(PINNED, 'package.json'), 'utf8')) as {
    readonly dependencies: Readonly<Record<string, string>>;
  };
  return dependencies[name] ?? 'unknown';
}

async function isCurrent(): Promise<boolean> {
  try {
    // npm writes this one last.
    await access(join(CACHE, 'node_modules/.package-lock.json'));
    const texts = await Promise.all(
      [CACHE, PINNED].map((folder) => readFile(join(folder, 'package-lock.json'), 'utf8')),
    );
    return texts[0] === texts[1];
  } catch {
    return false;
  }
}
