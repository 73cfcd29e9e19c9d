/**
 * Hostile cases on a real `isolane serve` with a bystander under load. After each case the host must be as it was: it
 * answers, nothing runs or waits, the ledger has one settled record for each invocation that started, what the host
 * wrote down is bounded, and no answer showed a path or a secret.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { Bystander, Control, failures, type Sample, within } from './bystander.ts';
import { ROOT } from './fixtures.ts';
import { type RunningHost, startHost } from './host.ts';
import { functionName, type HostileCase, type HostileRequest, type Mode } from './hostile-cases.ts';
import { Upstream } from './upstream.ts';

export const SECRET_OF_BYSTANDER = 'bystander-5ecret-3f1c9a';
export const SECRET_OF_HOST = 'host-5ecret-77ab02';
/** Each has one request under way at most, so a killed host fails no more than these. */
export const BYSTANDER_CONNECTIONS = 4;
const CALM_WITHIN_MS = 15_000;
const RECORD_WITHIN_MS = 10_000;
const WARM_UP_MS = 500;
const WARM_SAMPLES = 50;
const UNDISTURBED_MS = 2000;
/** After each case: a machine that is slow now was not slow at the start. */
const UNDISTURBED_BETWEEN_MS = 100;
/** What the host may write to its own log for one case. */
const STDERR_BYTES = 4096;
/** A problem's name, message and stack, and the lines of one invocation with the default logBytes. */
const VIEW_BYTES = 700_000;

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** `null`: it broke off. */
  readonly body: string | null;
  readonly invocationId: string | null;
}

export interface Invocation {
  readonly record: {
    readonly outcome: string;
    readonly status: number;
    readonly cpuNs: number;
    readonly startedAt: string;
    readonly requestBytes: number;
  };
  readonly logs: readonly { readonly level: string; readonly text: string }[];
  readonly problem: { readonly name: string; readonly message: string; readonly stack: string } | null;
}

/** What one case did to its surroundings. */
export interface Report {
  readonly name: string;
  readonly outcomes: readonly string[];
  readonly bystander: readonly Sample[];
  readonly control: readonly Sample[];
  readonly tookMs: number;
}

/** Where a case is played: what `client.ts` is given. */
export class Scene {
  readonly mode: Mode;
  readonly host: RunningHost;
  readonly upstream: Upstream;
  readonly bystander: Bystander;
  /** The same load on a plain server: what the machine itself does to it. */
  readonly control: Control;
  readonly directory: string;
  /** Before the first case and after each. */
  readonly undisturbed: Sample[] = [];
  #from = 0;
  #stderr = 0;
  #case!: HostileCase;
  #ids: string[] = [];
  #outcomes: string[] = [];

  private constructor(
    mode: Mode,
    parts: { host: RunningHost; upstream: Upstream; bystander: Bystander; control: Control; directory: string },
  ) {
    this.mode = mode;
    this.host = parts.host;
    this.upstream = parts.upstream;
    this.bystander = parts.bystander;
    this.control = parts.control;
    this.directory = parts.directory;
  }

  static async open(cases: readonly HostileCase[], mode: Mode): Promise<Scene> {
    const upstream = await Upstream.open();
    const directory = mkdtempSync(join(tmpdir(), 'isolane-hostile-'));
    const config = join(directory, 'isolane.json');
    writeFileSync(join(directory, 'bystander.mjs'), 'export default { fetch: () => new Response("fine") };');
    writeFileSync(config, projectOf(cases, mode, upstream));
    try {
      const host = await startHost({ config, supervised: true, env: { PLANTED: SECRET_OF_HOST } });
      const port = Number(new URL(host.url).port);
      const bystander = new Bystander({
        port,
        path: '/fn/bystander/',
        perSecond: 100,
        connections: BYSTANDER_CONNECTIONS,
      });
      const control = await Control.open();
      const scene = new Scene(mode, { host, upstream, bystander, control, directory });
      // Its isolate, or its engine process, has to start first.
      while ((await bystander.collect()).length < WARM_SAMPLES) await sleep(50);
      await sleep(WARM_UP_MS);
      const from = Bystander.now();
      await sleep(UNDISTURBED_MS);
      scene.undisturbed.push(...within(await bystander.collect(), from, Number.POSITIVE_INFINITY));
      return scene;
    } catch (error) {
      upstream.close();
      rmSync(directory, { recursive: true, force: true });
      throw error;
    }
  }

  async close(): Promise<readonly Sample[]> {
    const samples = await this.bystander.stop();
    await this.control.close();
    this.upstream.close();
    await this.host.stop();
    rmSync(this.directory, { recursive: true, force: true });
    return samples;
  }

  /** Plays one case and holds the surroundings against what every case must leave behind. */
  async play(one: HostileCase): Promise<Report> {
    this.#case = one;
    this.#ids = [];
    this.#outcomes = [];
    this.#stderr = this.host.stderr().length;
    this.#from = Bystander.now();
    for (const request of one.requests) await this.#request(request);
    if (one.files.includes('client.ts')) {
      const client = (await import(join(one.directory, 'client.ts'))) as { attack(scene: Scene): Promise<void> };
      await client.attack(this);
    }
    await this.calm();
    await this.#expectLedger();
    this.#expectQuietLog();
    const till = Bystander.now();
    const bystander = within(await this.bystander.collect(), this.#from, till);
    const control = within(await this.control.bystander.collect(), this.#from, till);
    await sleep(UNDISTURBED_BETWEEN_MS);
    this.undisturbed.push(...within(await this.bystander.collect(), till, Bystander.now()));
    const replaced = one.mayReplaceHost && this.mode === 'shared' ? one.requests.length : 0;
    const broken = failures(bystander);
    expect(
      broken.length,
      `the bystander failed during ${one.name}: ${JSON.stringify(broken.slice(0, 5))}`,
    ).toBeLessThanOrEqual(replaced * BYSTANDER_CONNECTIONS);
    return { name: one.name, outcomes: this.#outcomes, bystander, control, tookMs: till - this.#from };
  }

  /** Of the case being played: `file` is one beside `function.ts`. */
  nameOf(file?: string): string {
    return functionName(this.#case, file);
  }

  url(path = '/', file?: string): string {
    return `${this.host.url}/fn/${this.nameOf(file)}${path}`;
  }

  get port(): number {
    return Number(new URL(this.host.url).port);
  }

  /** Any answer is searched for what must not be in it; `recorded`: the ledger must have it when the case is over. */
  async fetch(url: string, init: RequestInit = {}, recorded = true): Promise<Answer> {
    const response = await fetch(url, { redirect: 'manual', ...init }).catch((error: unknown) => {
      // Its host may have been killed under it.
      if (this.#case.mayReplaceHost && this.mode === 'shared') return null;
      throw error;
    });
    if (response === null) return { status: 0, headers: new Headers(), body: null, invocationId: null };
    const invocationId = response.headers.get('x-invocation-id');
    if (invocationId !== null && recorded) this.#ids.push(invocationId);
    const body = await response.text().catch(() => null);
    this.expectClean(JSON.stringify([...response.headers]) + (body ?? ''));
    return { status: response.status, headers: response.headers, body, invocationId };
  }

  expectClean(text: string): void {
    for (const word of [
      ROOT,
      this.host.dataDir,
      this.directory,
      this.host.token,
      SECRET_OF_BYSTANDER,
      SECRET_OF_HOST,
    ]) {
      expect(text.includes(word), `${this.#case.name} was told "${word}": ${text.slice(0, 2000)}`).toBe(false);
    }
    expect(text, this.#case.name).not.toMatch(/node:internal|node_modules|isolated-vm|\.ts:\d+:\d+\)/);
  }

  /** The invocation's record and what is remembered of it, once it has settled. */
  async invocation(id: string): Promise<Invocation> {
    const deadline = performance.now() + RECORD_WITHIN_MS;
    for (;;) {
      const response = await this.host.admin(`/v1/invocations/${id}`);
      const text = await response.text();
      if (response.status === 200) {
        const known = JSON.parse(text) as Invocation | { readonly record: null };
        if (known.record !== null) {
          expect(text.length, `what is kept of ${id}`).toBeLessThan(VIEW_BYTES);
          return known as Invocation;
        }
      }
      if (performance.now() > deadline) throw new Error(`${this.#case.name}: ${id} never got a record: ${text}`);
      await sleep(10);
    }
  }

  async records(file?: string): Promise<readonly { readonly invocationId: string; readonly outcome: string }[]> {
    const response = await this.host.admin(`/v1/usage/records?function=${this.nameOf(file)}&limit=1000`);
    const { items } = (await response.json()) as { items: { invocationId: string; outcome: string }[] };
    return items;
  }

  async stats(): Promise<{ readonly running: number; readonly queued: number; readonly lanes: readonly object[] }> {
    return (await (await this.host.admin('/v1/stats')).json()) as never;
  }

  /** Nothing runs and nothing waits but the bystander's own requests. */
  async calm(): Promise<void> {
    const deadline = performance.now() + CALM_WITHIN_MS;
    for (;;) {
      const stats = await this.stats().catch(() => null);
      if (stats !== null && stats.queued === 0 && stats.running <= 2) return;
      if (performance.now() > deadline) throw new Error(`${this.#case.name} left behind: ${JSON.stringify(stats)}`);
      await sleep(20);
    }
  }

  async #request(request: HostileRequest): Promise<void> {
    if (request.afterMs > 0) await sleep(request.afterMs);
    const all = Array.from({ length: request.times }, () => () => this.#once(request));
    if (request.atOnce) await Promise.all(all.map((send) => send()));
    else for (const send of all) await send();
  }

  async #once({ method, path, headers, body, function: file, expect: wanted }: HostileRequest): Promise<void> {
    const what = `${this.#case.name}: ${method} ${path}`;
    const init = { method, headers, ...(body !== undefined && { body }) };
    const answer = await this.fetch(this.url(path, file), init, wanted.outcome !== undefined);
    const known =
      answer.invocationId === null || wanted.outcome === undefined ? null : await this.invocation(answer.invocationId);
    const problem = known?.problem == null ? '' : ` (${known.problem.stack.slice(0, 1000)})`;
    const shown = `${what} answered ${answer.status} ${answer.body?.slice(0, 500)}${problem}`;
    if (wanted.status !== undefined) expect(wanted.status, shown).toContain(answer.status);
    if (wanted.cut !== undefined) expect(answer.body === null, shown).toBe(wanted.cut);
    if (wanted.body !== undefined) expect(answer.body, shown).toBe(wanted.body);
    if (wanted.bodyMatches !== undefined) expect(answer.body, shown).toMatch(new RegExp(wanted.bodyMatches, 's'));
    if (wanted.bodyLacks !== undefined) expect(answer.body, shown).not.toMatch(new RegExp(wanted.bodyLacks, 's'));
    for (const [name, value] of Object.entries(wanted.headers)) expect(answer.headers.get(name), shown).toBe(value);
    if (wanted.code !== undefined) expect(codeOf(answer), shown).toBe(wanted.code);
    if (wanted.outcome === null) {
      expect(answer.invocationId, `${shown}, and it had started`).toBeNull();
      this.#outcomes.push(wanted.code ?? String(answer.status));
      return;
    }
    if (wanted.outcome === undefined) return;
    if (known === null) {
      if (answer.status === 0) this.#outcomes.push('connection lost');
      // Whoever fell has to wait: its next request may be turned away.
      else if (this.#case.mayReplaceHost) this.#outcomes.push(codeOf(answer));
      else throw new Error(`${shown}, and it had not started`);
      return;
    }
    const { record, logs } = known;
    this.#outcomes.push(record.outcome);
    if (this.mode === 'shared' && !this.#case.mayReplaceHost) expect(record.outcome, shown).not.toBe('crashed');
    expect(wanted.outcome, `${shown} and ended ${record.outcome}`).toContain(record.outcome);
    const lines = logs.map(({ text }) => text);
    for (const pattern of wanted.logs) {
      expect(
        lines.some((line) => new RegExp(pattern, 's').test(line)),
        `${what} logged ${lines}`,
      ).toBe(true);
    }
    if (wanted.logsLack !== undefined) expect(lines.join('\n'), what).not.toMatch(new RegExp(wanted.logsLack));
  }

  /** Every invocation that was answered has exactly one record, and nothing is open. */
  async #expectLedger(): Promise<void> {
    const own = [undefined, ...Object.keys(this.#case.others)];
    const all = (await Promise.all(own.map((file) => this.records(file)))).flat();
    const ids = all.map(({ invocationId }) => invocationId);
    expect(new Set(ids).size, `${this.#case.name} has records twice`).toBe(ids.length);
    for (const id of this.#ids.slice(0, 900)) expect(ids, `${this.#case.name} lost a record`).toContain(id);
    const called =
      this.#case.files.includes('client.ts') ||
      'services' in this.#case.function ||
      Object.keys(this.#case.others).length > 0;
    if (!called && ids.length < 1000 && this.#case.requests.every(({ expect: wanted }) => wanted.outcome !== undefined))
      expect(ids.length, `${this.#case.name} has records nobody asked for`).toBe(this.#ids.length);
  }

  #expectQuietLog(): void {
    const written = this.host.stderr().slice(this.#stderr);
    expect(written.length, `${this.#case.name} made the host write: ${written}`).toBeLessThan(STDERR_BYTES);
    expect(written, this.#case.name).not.toContain(SECRET_OF_BYSTANDER);
  }
}

function codeOf(answer: Answer): string {
  return (JSON.parse(answer.body ?? '{}') as { error?: { code: string } }).error?.code ?? 'none';
}

function projectOf(cases: readonly HostileCase[], mode: Mode, upstream: Upstream): string {
  const functions: Record<string, unknown> = {
    bystander: { entry: 'bystander.mjs', url: true, env: { SECRET: SECRET_OF_BYSTANDER } },
  };
  for (const one of cases) {
    if (!one.files.includes('function.ts')) continue;
    const add = (file: string | undefined, { services = {}, ...declared }: Record<string, unknown>): void => {
      const bound = Object.entries(services as Record<string, string>).map(([binding, target]) => [
        binding,
        functionName(one, target === 'function' ? undefined : target),
      ]);
      functions[functionName(one, file)] = {
        url: true,
        entry: join(one.directory, `${file ?? 'function'}.ts`),
        services: Object.fromEntries(bound),
        ...declared,
      };
    };
    add(undefined, one.function);
    for (const [file, declared] of Object.entries(one.others)) add(file, declared);
  }
  const privateHosts = [upstream.host, upstream.rawHost];
  const config = {
    functions,
    tenants: {
      attackers: { functions: ['0*', '1*'], privateHosts },
      rivals: { functions: ['rival-*'], privateHosts },
    },
    server: { isolation: mode },
  };
  const text = JSON.stringify(config);
  return text.replaceAll('{upstream}', `http://${upstream.host}`).replaceAll('{raw}', `http://${upstream.rawHost}`);
}
