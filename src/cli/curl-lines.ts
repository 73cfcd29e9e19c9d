/**
 * One curl line per function and webhook, to be pasted into any shell as it stands. Webhook lines make id, timestamp and
 * signature themselves when they run. A secret that came from the environment is named, not shown; one that stands in
 * the configuration as text (the samples) is part of the line.
 */
import { join } from 'node:path';
import type { Config, WebhookSpec } from '../contract/config.ts';
import type { FunctionSpec } from '../contract/function.ts';
import type { Example, FunctionExamples } from './examples.ts';

export interface CurlSource {
  /** Of the data plane, without a slash at the end. */
  readonly url: string;
  /** Of the admin plane, likewise. */
  readonly adminUrl: string;
  readonly adminTokenFile: string;
  /** By function name. */
  readonly examples: ReadonlyMap<string, FunctionExamples>;
}

interface Payload {
  /** Shell words that make curl send it. */
  readonly send: string;
  /** A shell command that prints it. */
  readonly print: string;
  /** curl reads it from there. */
  readonly piped: boolean;
}

/** Lines that begin with `#` say why there is nothing to call. */
export function curlLines(config: Config, source: CurlSource): readonly string[] {
  const called = new Set(config.webhooks.map((webhook) => webhook.function));
  const functions = config.functions.flatMap((spec) => {
    const line = functionLine(spec, source);
    // A function that only a webhook calls has its line there.
    return line === null ? (called.has(spec.name) ? [] : [notCalled(spec)]) : [line];
  });
  return [...functions, ...config.webhooks.map((webhook) => webhookLine(webhook, source))];
}

function functionLine(spec: FunctionSpec, source: CurlSource): string | null {
  const found = source.examples.get(spec.name);
  const example = (found?.examples ?? []).find(({ request, expect }) => request !== undefined && isGood(expect.status));
  if (example?.request === undefined) return plainLine(spec, source);
  const { method, path, headers = {} } = example.request;
  const payload = payloadOf(example.request, found?.directory ?? '');
  const verb = method ?? (payload === null ? 'GET' : 'POST');
  return (
    [
      `${pipe(payload)}curl -sS`,
      ...(expects(example, /event-stream/) ? ['-N'] : []),
      ...(/[[\]{}]/.test(path) ? ['-g'] : []),
      ...(verb === 'GET' ? [] : [verb === 'HEAD' ? '-I' : `-X ${verb}`]),
      quote(source.url + path),
      ...headerWords(withContentType(headers, example.request.body)),
      ...(payload === null ? [] : [payload.send]),
      ...output(spec.name, example),
    ].join(' ') + token(spec, source)
  );
}

/** Without an example: its URL, its schedule run now, or its first route with each parameter called by its own name. */
function plainLine(spec: FunctionSpec, source: CurlSource): string | null {
  const auth = token(spec, source);
  if (spec.url) return `curl -sS ${quote(`${source.url}/fn/${spec.name}/`)}${auth}`;
  if (spec.cron.length > 0) {
    const url = quote(`${source.adminUrl}/v1/functions/${spec.name}/invoke`);
    return `curl -sS -X POST ${url}${bearer(source)} -H 'content-type: application/json' --data-raw '{"kind":"scheduled"}'`;
  }
  const [route] = spec.routes;
  if (route === undefined) return null;
  const path = route.path.replace(/:(\w+)(\{[^}]*\})?\??/g, '$1').replaceAll('*', '');
  const verb = route.method === null || route.method === 'GET' ? '' : ` -X ${route.method}`;
  const host = route.host === null ? '' : ` -H ${quote(`host: ${route.host}`)}`;
  return `curl -sS${verb} ${quote(source.url + path)}${host}${auth}`;
}

function notCalled(spec: FunctionSpec): string {
  return `# ${spec.name}: called by no route, webhook or schedule, only by other functions`;
}

function webhookLine(webhook: WebhookSpec, source: CurlSource): string {
  const all = [...source.examples.values()].flatMap((found) =>
    found.examples.map((example) => ({ example, directory: found.directory })),
  );
  const found = all.find(({ example }) => example.webhook?.endpoint === webhook.name && isGood(example.expect.status));
  const example = found?.example.webhook ?? { body: {} };
  const payload = payloadOf(example, found?.directory ?? '') ?? {
    send: "--data-raw '{}'",
    print: "printf %s '{}'",
    piped: false,
  };
  const event = 'event' in example ? example.event : undefined;
  return [
    `${pipe(payload)}curl -sS -X POST`,
    quote(`${source.url}/hooks/${webhook.name}`),
    "-H 'content-type: application/json'",
    ...(webhook.provider === 'github'
      ? githubWords(webhook, event ?? 'push', payload)
      : standardWords(webhook, payload)),
    payload.send,
  ].join(' ');
}

/** `x-hub-signature-256`: hex HMAC-SHA256 of the body, keyed with the secret as it is. */
function githubWords(webhook: WebhookSpec, event: string, payload: Payload): readonly string[] {
  const { word } = secretOf(webhook);
  return [
    `-H ${quote(`x-github-event: ${event}`)}`,
    '-H "x-github-delivery: $(openssl rand -hex 16)"',
    `-H "x-hub-signature-256: sha256=$(${payload.print} | openssl dgst -sha256 -hmac ${word} -r | cut -d' ' -f1)"`,
  ];
}

/**
 * Standard Webhooks: base64 HMAC-SHA256 of `id.timestamp.body`, keyed with the decoded secret. Id and timestamp are
 * needed twice, so one substitution makes all three headers; none of them holds a space.
 */
function standardWords(webhook: WebhookSpec, payload: Payload): readonly string[] {
  const { encoded } = secretOf(webhook);
  const steps = [
    'I=msg_$(openssl rand -hex 12)',
    'T=$(date +%s)',
    `K=$(printf %s ${encoded} | openssl base64 -d -A | od -An -v -tx1 | tr -d ' \\n')`,
    `S=$({ printf %s.%s. "$I" "$T"; ${payload.print}; } | openssl dgst -sha256 -mac HMAC -macopt hexkey:"$K" -binary | openssl base64 -A)`,
    `printf ' -H webhook-id:%s -H webhook-timestamp:%s -H webhook-signature:v1,%s' "$I" "$T" "$S"`,
  ];
  return [`$(${steps.join('; ')})`];
}

/** `encoded`: without `whsec_`. An id that could be a variable's name is one. */
function secretOf(webhook: WebhookSpec): { readonly word: string; readonly encoded: string } {
  const [secret] = webhook.secrets;
  if (secret === undefined) return { word: "''", encoded: "''" };
  if (/^[A-Za-z_]\w*$/.test(secret.id)) return { word: `"$${secret.id}"`, encoded: `"\${${secret.id}#whsec_}"` };
  return { word: quote(secret.value), encoded: quote(secret.value.replace(/^whsec_/, '')) };
}

function payloadOf(
  from: { readonly body?: unknown; readonly bodyFile?: string | undefined },
  directory: string,
): Payload | null {
  if (from.bodyFile !== undefined) {
    const file = join(directory, from.bodyFile);
    return { send: `--data-binary ${quote(`@${file}`)}`, print: `cat ${quote(file)}`, piped: false };
  }
  if (from.body === undefined) return null;
  const text = typeof from.body === 'string' ? from.body : JSON.stringify(from.body);
  // A substitution would lose line ends at its end.
  if (CONTROL.test(text)) return { send: '--data-binary @-', print: `printf %b ${escaped(text)}`, piped: true };
  return { send: `--data-raw ${quote(text)}`, print: `printf %s ${quote(text)}`, piped: false };
}

function pipe(payload: Payload | null): string {
  return payload?.piped === true ? `${payload.print} | ` : '';
}

function withContentType(headers: Readonly<Record<string, string>>, body: unknown): Readonly<Record<string, string>> {
  const has = Object.keys(headers).some((name) => name.toLowerCase() === 'content-type');
  return has || typeof body !== 'object' ? headers : { 'content-type': 'application/json', ...headers };
}

function headerWords(headers: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(headers).map(([name, value]) => `-H ${quote(`${name}: ${value}`)}`);
}

function token(spec: FunctionSpec, source: CurlSource): string {
  return spec.auth === 'token' ? bearer(source) : '';
}

function bearer(source: CurlSource): string {
  return ` -H "authorization: Bearer $(cat ${quote(source.adminTokenFile)})"`;
}

/** Binary answers go into a file, which is named: curl would refuse to write them to a terminal. */
function output(name: string, example: Example): readonly string[] {
  const type = [/application\/(pdf)/, /image\/(png|jpeg|gif|webp)/].find((pattern) => expects(example, pattern));
  if (type === undefined) return [];
  const file = `"\${TMPDIR:-/tmp}/isolane-${name}.${type.exec(contentType(example))?.[1]}"`;
  return [`-o ${file} -w '%{size_download} bytes in %{filename_effective}\\n'`];
}

function expects(example: Example, type: RegExp): boolean {
  return type.test(contentType(example));
}

function contentType(example: Example): string {
  const header = Object.entries(example.expect.headers ?? {}).find(([name]) => name.toLowerCase() === 'content-type');
  return (header?.[1] ?? '').replaceAll('\\', '');
}

function isGood(status: number | undefined): boolean {
  return status === undefined || (status >= 200 && status < 300);
}

const CONTROL = /[\u0000-\u001f\u007f]/;

/** One shell word on one line, whatever is in it. */
function quote(text: string): string {
  if (!CONTROL.test(text)) return `'${text.replaceAll("'", "'\\''")}'`;
  return `"$(printf %b ${escaped(text)})"`;
}

/** One shell word that `printf %b` prints as the text. */
function escaped(text: string): string {
  const codes = text.replace(/[\\\u0000-\u001f\u007f]/g, (character) => {
    return character === '\\' ? '\\\\' : `\\0${character.charCodeAt(0).toString(8).padStart(3, '0')}`;
  });
  return `'${codes.replaceAll("'", "'\\''")}'`;
}
