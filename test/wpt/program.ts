/** One case as one classic script: page, harness, the scripts it asks for, the test, and the files it fetches. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import type { Case } from './checkout.ts';
import { openPage, type PageFacts, watchPage } from './page.ts';

const NORMAL_MS = 30_000;
const LONG_MS = 180_000;
const MAX_FILE_BYTES = 8 * 1024 * 1024;

/** Subtests that fail with this are not counted, on either side. */
export const REFUSAL = 'needs shared memory or WebAssembly, which is not there';

/** The checkout's script makes a WebAssembly.Memory when it loads. */
const REPLACED: Readonly<Record<string, string>> = {
  'common/sab.js': `const createBuffer = (type, length, options) =>
    type === 'ArrayBuffer' ? new ArrayBuffer(length, options) : new SharedArrayBuffer(length);`,
};

/** Addresses that wptserve rewrites. */
const REWRITTEN: Readonly<Record<string, string>> = {
  'resources/WebIDLParser.js': 'resources/webidl2/lib/webidl2.js',
};

export interface Program {
  readonly text: string;
  readonly deadlineMs: number;
}

/** What wptserve would put into files called `.sub.`. */
function substitute(text: string): string {
  const ports: Readonly<Record<string, readonly string[]>> = {
    http: ['8000', '8001'],
    https: ['8443', '8444'],
    ws: ['8002'],
    wss: ['8003'],
  };
  return text
    .replace(/\{\{ports\[(\w+)\]\[(\d)\]\}\}/g, (all, scheme: string, at: string) => ports[scheme]?.[Number(at)] ?? all)
    .replace(/\{\{(?:domains|hosts\[\w*\])\[(.*?)\]\}\}/g, (_, name: string) => `${name}.web-platform.test`)
    .replace(/\{\{host\}\}/g, 'web-platform.test');
}

function read(root: string, path: string): string {
  const replaced = REPLACED[path];
  if (replaced !== undefined) return replaced;
  const text = readFileSync(join(root, REWRITTEN[path] ?? path), 'utf8');
  // It knows pages and browsers' workers only; what a window exposes is what a runtime outside a browser has, too.
  if (path === 'resources/idlharness.js')
    return text.replace(/throw .*"Unexpected global object".*/, 'return globals.has("Window");');
  return path.includes('.sub.') ? substitute(text) : text;
}

function isUtf8(bytes: Buffer): boolean {
  return Buffer.from(bytes.toString('utf8'), 'utf8').equals(bytes) && !bytes.subarray(0, 3).equals(BOM);
}
const BOM = Buffer.from([0xef, 0xbb, 0xbf]);

/** Files whose names stand between quotes in the sources, and the IDL of interfaces named there. */
function filesOf(root: string, test: Case, sources: readonly string[]): PageFacts['files'] {
  const files: Record<string, string | readonly number[]> = {};
  const add = (path: string): void => {
    const full = join(root, path);
    if (path.startsWith('..') || `/${path}` in files || !existsSync(full)) return;
    const { size } = statSync(full);
    if (!statSync(full).isFile() || size > MAX_FILE_BYTES) return;
    const bytes = readFileSync(full);
    files[`/${path}`] = isUtf8(bytes) ? bytes.toString('utf8') : [...bytes];
  };
  const idl = test.scripts.includes('resources/idlharness.js');
  for (const source of sources) {
    for (const [, text] of source.matchAll(/["'`]([^"'`\s{}?#]{1,200})(?:[?#][^"'`]*)?["'`]/g)) {
      if (/[\w-]\.\w+$/.test(text!))
        add(text!.startsWith('/') ? text!.slice(1) : posix.join(dirname(test.file), text!));
      else if (idl && /^[\w-]+$/.test(text!)) add(`interfaces/${text}.idl`);
    }
  }
  return files;
}

export function buildProgram(root: string, test: Case): Program {
  const harness = readFileSync(join(root, 'resources/testharness.js'), 'utf8');
  const scripts = test.scripts.map((path) => read(root, path));
  const source = test.source ?? read(root, test.file);
  // The interface parser names no files.
  const named = test.scripts.flatMap((path, at) => (path.startsWith('resources/') ? [] : [scripts[at]!]));
  const origin = test.file.includes('.https.') ? 'https://web-platform.test:8443' : 'http://web-platform.test:8000';
  const page = new URL(`${origin}/${test.file.replace(/\.js$/, '.html')}${test.variant}`);
  const parts = ['href', 'origin', 'protocol', 'host', 'hostname', 'port', 'pathname', 'search', 'hash'] as const;
  const deadlineMs = test.long ? LONG_MS : NORMAL_MS;
  const facts: PageFacts = {
    href: page.href,
    location: Object.fromEntries(parts.map((part) => [part, page[part]])),
    files: filesOf(root, test, [...named, source]),
    // Not where the constructor itself is looked at.
    relativeRequests: !test.scripts.includes('resources/idlharness.js'),
    deadlineMs,
    refusal: REFUSAL,
  };
  const told = JSON.stringify(facts);
  const text = [`(${openPage})(${told});`, harness, `(${watchPage})(${told});`, ...scripts, source].join('\n;\n');
  return { text, deadlineMs };
}
