/**
 * The admin plane of a running host, as its clients see it. The token comes from ISOLANE_TOKEN or from the file the
 * host keeps beside its data; the file's token never goes to another machine, and no token follows a redirect.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { z } from 'zod';
import { loadServer } from '../config/config.ts';
import { ERRORS, type ErrorCode, HostError } from '../contract/errors.ts';
import { CONFIG_OPTION, type Input, type OptionRule, type Terminal } from './command.ts';

const TIMEOUT_MS = 10_000;

export const ADMIN_OPTIONS: Readonly<Record<string, OptionRule>> = {
  'admin-url': { kind: 'text', value: 'URL', about: 'the admin plane (default: that of the configuration)' },
  config: CONFIG_OPTION,
};

export interface AdminRequest {
  readonly method?: 'GET' | 'POST';
  /** JSON text. */
  readonly body?: string;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export class AdminClient {
  readonly #url: string;
  readonly #token: string | null;
  readonly #tokenSource: string;

  constructor(url: string, token: string | null, tokenSource: string) {
    this.#url = url;
    this.#token = token;
    this.#tokenSource = tokenSource;
  }

  /** `path` with a query. Throws HOST_UNREACHABLE, UNAUTHORIZED or what the host says. */
  async request<T>(path: string, schema: z.ZodType<T>, options: AdminRequest = {}): Promise<T> {
    const response = await this.#send(path, options);
    const value = parseJson(await response.text());
    if (!response.ok) throw this.#refusal(response.status, value);
    const parsed = schema.safeParse(value);
    if (parsed.success) return parsed.data;
    throw new HostError(
      'BAD_REQUEST',
      `${this.#url} answered ${path} as no isolane of this version does; check --admin-url.`,
    );
  }

  /** Calls `tell` with each server-sent event, parsed, until the host ends the stream or `signal` aborts. */
  async follow<T>(path: string, schema: z.ZodType<T>, tell: (item: T) => void, signal: AbortSignal): Promise<void> {
    try {
      const response = await this.#send(path, { signal });
      if (!response.ok) throw this.#refusal(response.status, parseJson(await response.text()));
      let rest = '';
      for await (const text of (response.body ?? new ReadableStream()).pipeThrough(new TextDecoderStream())) {
        const events = (rest + text).split('\n\n');
        rest = events.pop() ?? '';
        for (const event of events) {
          const parsed = schema.safeParse(event.startsWith('data: ') ? parseJson(event.slice(6)) : null);
          if (parsed.success) tell(parsed.data);
        }
      }
    } catch (error) {
      if (error instanceof HostError && !signal.aborted) throw error;
      // A stream that breaks off has ended.
    }
  }

  #refusal(status: number, value: unknown): HostError {
    if (status !== 401) return told(value, status, this.#url);
    return new HostError(
      'UNAUTHORIZED',
      `The host at ${this.#url} refused the token of ${this.#tokenSource}; set ISOLANE_TOKEN to a valid one.`,
    );
  }

  async #send(path: string, options: AdminRequest): Promise<Response> {
    const headers: Record<string, string> = { accept: 'application/json' };
    if (this.#token !== null) headers['authorization'] = `Bearer ${this.#token}`;
    if (options.body !== undefined) headers['content-type'] = 'application/json';
    try {
      return await fetch(`${this.#url}${path}`, {
        method: options.method ?? 'GET',
        headers,
        body: options.body ?? null,
        redirect: 'error',
        signal: options.signal ?? AbortSignal.timeout(options.timeoutMs ?? TIMEOUT_MS),
      });
    } catch (cause) {
      const timedOut = cause instanceof Error && cause.name === 'TimeoutError';
      throw new HostError(
        'HOST_UNREACHABLE',
        timedOut
          ? `The host at ${this.#url} did not answer in time; try again or look at its log.`
          : `No isolane host answers at ${this.#url}; start one with "isolane serve" or name another with --admin-url.`,
        { cause },
      );
    }
  }
}

export function adminClient(input: Input, terminal: Terminal): AdminClient {
  const given = input.text('admin-url');
  const server = given !== undefined && input.text('config') === undefined ? null : serverOf(input, terminal);
  const url = given ?? `http://${authority(server?.adminHost ?? '127.0.0.1')}:${server?.adminPort ?? 8788}`;
  const parsed = URL.parse(url);
  if (parsed === null || !/^https?:$/.test(parsed.protocol)) {
    throw new HostError(
      'USAGE',
      `--admin-url is "${url}", but must be an http or https URL such as "http://127.0.0.1:8788".`,
    );
  }
  if (given === undefined && server?.adminPort === 0) {
    throw new HostError('USAGE', 'server.adminPort is 0, so only the host knows its port; name it with --admin-url.');
  }
  const fromEnvironment = terminal.env['ISOLANE_TOKEN']?.trim();
  if (fromEnvironment !== undefined && fromEnvironment !== '') {
    return new AdminClient(parsed.origin, fromEnvironment, 'ISOLANE_TOKEN');
  }
  const file = join(
    server?.dataDir ?? serverOf(input, terminal)?.dataDir ?? join(terminal.workingDirectory, '.isolane'),
    'admin-token',
  );
  const near = given === undefined || /^(localhost|127(\.\d+){3}|\[::1\])$/.test(parsed.hostname);
  return new AdminClient(parsed.origin, near ? readToken(file) : null, file);
}

/** `null`: there is no configuration here, and none was named. */
function serverOf(input: Input, terminal: Terminal): ReturnType<typeof loadServer> | null {
  const named = input.text('config');
  try {
    return loadServer(named ?? 'isolane.json', { env: terminal.env, workingDirectory: terminal.workingDirectory });
  } catch (error) {
    if (named === undefined && error instanceof HostError && error.code === 'CONFIG_NOT_FOUND') return null;
    throw error;
  }
}

/** Where a listener on "all addresses" can be called. */
function authority(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}

/** `null`: there is none; the host's answer then says what to do. */
function readToken(file: string): string | null {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return null;
  }
}

function told(value: unknown, status: number, url: string): HostError {
  const error: unknown = typeof value === 'object' && value !== null && 'error' in value ? value.error : null;
  if (typeof error === 'object' && error !== null && 'code' in error && 'message' in error) {
    const code =
      typeof error.code === 'string' && Object.hasOwn(ERRORS, error.code) ? (error.code as ErrorCode) : 'BAD_REQUEST';
    // Wrong usage is what this command line says, not what a host answers.
    return new HostError(code === 'USAGE' ? 'BAD_REQUEST' : code, String(error.message));
  }
  return new HostError(
    'BAD_REQUEST',
    `${url} answered with status ${status}; check that --admin-url names an isolane admin plane.`,
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
