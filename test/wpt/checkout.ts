/**
 * What a checkout of web-platform-tests holds for us: the `.any.js` files of the suites, their META lines and variants.
 * What needs a browser or wptserve is left out by `exclusions.ts`, each with its reason.
 */
import { existsSync, globSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { EXCLUSIONS } from './exclusions.ts';

export const SUITES = [
  'url',
  'urlpattern',
  'encoding',
  'streams',
  'fetch/api',
  'fetch/data-urls',
  'compression',
  'FileAPI',
  'WebCryptoAPI',
  'dom/abort',
  'dom/events',
  'html/webappapis/atob',
  'html/webappapis/structured-clone',
  'html/webappapis/timers',
  'html/webappapis/microtask-queuing',
  'hr-time',
  'console',
] as const;

/** One file with one variant. */
export interface Case {
  /** Path in the checkout, with the variant: names it in expectations and on the screen. */
  readonly name: string;
  readonly suite: string;
  /** Path in the checkout. */
  readonly file: string;
  readonly variant: string;
  /** Paths in the checkout of the scripts that run before it. */
  readonly scripts: readonly string[];
  readonly long: boolean;
  /** What stands for the file, where the checkout has only the scripts of a test. */
  readonly source?: string;
}

export interface Excluded {
  readonly name: string;
  readonly reason: string;
}

export interface Plan {
  readonly cases: readonly Case[];
  readonly excluded: readonly Excluded[];
}

/** Older checkouts hold this battery without a file that runs it. */
const CLONE = 'html/webappapis/structured-clone';
const CLONE_BATTERY: readonly Case[] = [
  {
    name: `${CLONE}/structured-clone.any.js`,
    suite: CLONE,
    file: `${CLONE}/structured-clone.any.js`,
    variant: '',
    scripts: [
      'structured-clone-battery-of-tests.js',
      'structured-clone-battery-of-tests-with-transferables.js',
      'structured-clone-battery-of-tests-harness.js',
    ].map((script) => `${CLONE}/${script}`),
    long: false,
    source: `runStructuredCloneBatteryOfTests({
      structuredClone: (value, transfer) => self.structuredClone(value, { transfer }),
      hasDocument: false,
    });`,
  },
];

/** Any of these scopes will do: the tests run in none of them. */
const SCOPES = ['window', 'worker', 'dedicatedworker', 'shadowrealm', '!default'];

interface Meta {
  readonly scripts: readonly string[];
  readonly variants: readonly string[];
  readonly long: boolean;
  readonly scopes: readonly string[];
}

function readMeta(text: string): Meta {
  const of = (key: string): string[] =>
    [...text.matchAll(new RegExp(`^// META: ${key}=(.*)$`, 'gm'))].map((match) => match[1]!.trim());
  return {
    scripts: of('script'),
    variants: of('variant'),
    long: of('timeout').includes('long'),
    scopes: of('global').flatMap((list) => list.split(',')),
  };
}

function excludedFor(file: string): string | null {
  return (
    EXCLUSIONS.find(([prefix]) => file === prefix || (prefix.endsWith('/') && file.startsWith(prefix)))?.[1] ?? null
  );
}

function casesOf(root: string, suite: string, file: string): readonly Case[] {
  const { scripts, variants, long } = readMeta(readFileSync(join(root, file), 'utf8'));
  const found = scripts.map((script) => (script.startsWith('/') ? script.slice(1) : posix.join(dirname(file), script)));
  return (variants.length === 0 ? [''] : variants).map((variant) => ({
    name: `${file}${variant}`,
    suite,
    file,
    variant,
    scripts: found,
    long,
  }));
}

/** The cases of every suite that `only` begins or is; all of them without it. */
export function readPlan(root: string, only: string, filter: string): Plan {
  const cases: Case[] = [];
  const excluded: Excluded[] = [];
  for (const suite of SUITES) {
    if (only !== '' && suite !== only && !suite.startsWith(`${only}/`)) continue;
    if (!existsSync(join(root, suite)) || !statSync(join(root, suite)).isDirectory()) continue;
    const files = globSync('**/*.any.js', { cwd: join(root, suite) }).sort();
    for (const file of files.map((path) => posix.join(suite, path))) {
      const { scopes } = readMeta(readFileSync(join(root, file), 'utf8'));
      const reason =
        excludedFor(file) ??
        (scopes.length > 0 && !scopes.some((scope) => SCOPES.includes(scope))
          ? 'needs a worker of its own kind'
          : null);
      if (reason === null) cases.push(...casesOf(root, suite, file));
      else excluded.push({ name: file, reason });
    }
    if (suite === CLONE && files.length === 0) cases.push(...CLONE_BATTERY);
  }
  return { cases: cases.filter((one) => one.name.includes(filter)), excluded };
}
