/**
 * The package corpus on a real host inside this process: every try of `fixtures/packages/tries` is a function
 * of its own, bundled from the corpus's own `node_modules`. A package that cannot be bundled is dropped with
 * its reason, and the others are served.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig, type RunningHost, startHost } from '../../src/index.ts';
import { ROOT } from '../support/fixtures.ts';
import { Services } from './services.ts';

const CORPUS = join(ROOT, 'fixtures/packages');
/** npm writes it last. */
const INSTALLED = join(CORPUS, 'node_modules/.package-lock.json');

export interface Try {
  /** As npm knows it. */
  readonly name: string;
  readonly version: string;
  /** Of the function and its file. */
  readonly slug: string;
}

export interface Tried {
  /** For the guide; may be empty. */
  readonly note: string;
  readonly came: readonly Came[];
}

/** One named check of a try; `error` when it threw. */
export interface Came {
  readonly name: string;
  readonly actual?: unknown;
  readonly expected?: unknown;
  readonly error?: string;
}

/** `@scope/name.js` → `scope-name-js`: a function's name. */
function slugOf(name: string): string {
  return name.replace('@', '').replaceAll(/[^a-z0-9]+/g, '-');
}

/** The packages of the corpus, from its package.json. */
export function readTries(): readonly Try[] {
  const { dependencies } = JSON.parse(readFileSync(join(CORPUS, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  return Object.entries(dependencies).map(([name, version]) => ({ name, version, slug: slugOf(name) }));
}

/** Names of the functions there are. */
export function triedSlugs(): readonly string[] {
  return readdirSync(join(CORPUS, 'tries')).map((file) => file.replace(/\.js$/, ''));
}

export class Corpus {
  /** Why a function could not be bundled, by slug. */
  readonly refused: ReadonlyMap<string, string>;
  /** What the host said while it started: warnings of bundles among them. */
  readonly lines: readonly string[];
  readonly host: RunningHost;
  readonly #directory: string;
  readonly #services: Services;

  private constructor(parts: { host: RunningHost; directory: string; services: Services }, told: Told) {
    this.host = parts.host;
    this.#directory = parts.directory;
    this.#services = parts.services;
    this.refused = told.refused;
    this.lines = told.lines;
  }

  static async open(slugs: readonly string[]): Promise<Corpus> {
    if (!existsSync(INSTALLED))
      throw new Error(
        'the npm packages of fixtures/packages are not installed: run `make packages`, which needs the npm registry once',
      );
    const directory = mkdtempSync(join(tmpdir(), 'isolane-packages-'));
    const services = await Services.open();
    const told: Told = { refused: new Map(), lines: [] };
    let left = slugs;
    for (;;) {
      try {
        const host = await start(directory, services.host, left, told.lines);
        return new Corpus({ host, directory, services }, told);
      } catch (error) {
        const { message } = error as Error;
        const named = left.filter((slug) => message.includes(`"${slug}"`));
        if (named.length === 0) throw error;
        for (const slug of named) told.refused.set(slug, message);
        left = left.filter((slug) => !named.includes(slug));
      }
    }
  }

  async try(slug: string): Promise<Tried> {
    const refusal = this.refused.get(slug);
    if (refusal !== undefined) return failed('bundling', refusal);
    const answer = await fetch(`${this.host.url}/fn/${slug}/`);
    const text = await answer.text();
    if (answer.status === 200) return JSON.parse(text) as Tried;
    return failed('loading', `${text} ${await this.#problem(answer.headers.get('x-invocation-id'))}`);
  }

  async close(): Promise<void> {
    await this.host.close(1000);
    this.#services.close();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async #problem(id: string | null): Promise<string> {
    const token = readFileSync(this.host.adminTokenFile, 'utf8').trim();
    const url = new URL(`/v1/invocations/${id}`, this.host.adminUrl);
    const answer = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
    const { problem } = (await answer.json()) as { problem?: { message: string; stack?: string } };
    return problem?.stack ?? problem?.message ?? '';
  }
}

function failed(name: string, error: string): Tried {
  return { note: '', came: [{ name, error }] };
}

interface Told {
  readonly refused: Map<string, string>;
  readonly lines: string[];
}

async function start(
  directory: string,
  upstream: string,
  slugs: readonly string[],
  lines: string[],
): Promise<RunningHost> {
  const functions = Object.fromEntries(
    slugs.map((slug) => [
      slug,
      {
        entry: join(CORPUS, 'tries', `${slug}.js`),
        url: true,
        env: { UPSTREAM: `http://${upstream}` },
        // On a busy machine a big package may need more than the second it is given by default.
        limits: { initMs: 10_000, cpuMs: 10_000 },
      },
    ]),
  );
  const config = {
    functions,
    tenants: { default: { functions: ['*'], privateHosts: [upstream] } },
    // One is asked after the other: what is done with need not stay.
    server: { maxIsolates: 8 },
  };
  const file = join(directory, 'isolane.json');
  writeFileSync(file, JSON.stringify(config));
  const flags = { port: 0, adminPort: 0, dataDir: join(directory, 'data') };
  const loaded = loadConfig(file, { env: {}, workingDirectory: CORPUS, flags });
  return startHost({ config: loaded.config, log: (line) => void lines.push(line) });
}
