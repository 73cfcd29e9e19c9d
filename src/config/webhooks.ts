/** One entry of `webhooks` → WebhookSpec. Checks the form of secrets without ever showing one. */
import type { WebhookSpec } from '../contract/config.ts';
import { didYouMean } from '../contract/nearest.ts';
import { type Problems, shown } from './problems.ts';
import { figureOf, type ProfileName } from './profiles.ts';
import type { RawValue, RawWebhook } from './raw.ts';
import { type Environment, resolveValue } from './values.ts';

/** GitHub sends at most 25 MiB. */
export const MAX_BODY_BYTES = 26_214_400;
const STANDARD_BYTES = { min: 24, max: 64 } as const;

export interface WebhookContext {
  readonly environment: Environment;
  readonly names: ReadonlySet<string>;
  /** Of an endpoint that names no limit of its own. */
  readonly maxBodyBytes: number;
  readonly profile: ProfileName | null;
  readonly problems: Problems;
}

export function resolveWebhook(name: string, raw: RawWebhook, context: WebhookContext): WebhookSpec {
  const path = `webhooks.${name}`;
  if (!context.names.has(raw.function)) {
    const remedy = didYouMean(raw.function, context.names, '; declare it under "functions".');
    context.problems.refuse(`${path}.function is ${shown(raw.function)}, but there is no such function${remedy}`);
  }
  const ceiling = figureOf(context.profile, 'requestBytes')?.max;
  if (raw.maxBodyBytes !== undefined && ceiling !== undefined && raw.maxBodyBytes > ceiling) {
    context.problems.refuse(
      `${path}.maxBodyBytes is ${raw.maxBodyBytes}, but profile "${context.profile}" allows at most ${ceiling} (requestBytes); lower it or choose another --profile.`,
    );
  }
  return {
    name,
    provider: raw.provider,
    secrets: raw.secrets.flatMap((secret, index) =>
      secretOf(secret, `${path}.secrets[${index}]`, raw.provider, context),
    ),
    function: raw.function,
    mode: raw.mode ?? 'async',
    dedupHours: raw.dedupHours ?? 72,
    attempts: raw.attempts ?? 8,
    maxBodyBytes: raw.maxBodyBytes ?? context.maxBodyBytes,
  };
}

function secretOf(
  raw: RawValue,
  path: string,
  provider: WebhookSpec['provider'],
  context: WebhookContext,
): readonly { readonly id: string; readonly value: string }[] {
  const { problems } = context;
  const text = resolveValue(raw, path, context.environment, problems);
  if (text === null) return [];
  const value = text.trim();
  if (value !== text) problems.warn(`${path} begins or ends with white space, which was left out.`);
  const wrong =
    value === ''
      ? 'is empty; set the secret the sender signs with'
      : provider === 'standard'
        ? standardProblem(value)
        : null;
  if (wrong !== null) {
    problems.refuse(`${path} ${wrong}.`);
    return [];
  }
  const id =
    typeof raw === 'object' && raw.env !== undefined ? raw.env : `secret-${/\[(\d+)\]$/.exec(path)?.[1] ?? '0'}`;
  return [{ id, value }];
}

/** Standard Webhooks 1.0.0: `whsec_` and 24 to 64 bytes in base64. */
function standardProblem(value: string): string | null {
  const form = `must be "whsec_" and then ${STANDARD_BYTES.min} to ${STANDARD_BYTES.max} bytes in base64`;
  if (!value.startsWith('whsec_')) return `does not begin with "whsec_", but ${form}`;
  const encoded = value.slice('whsec_'.length);
  const bytes = Buffer.from(encoded, 'base64');
  if (bytes.toString('base64').replace(/=+$/, '') !== encoded.replace(/=+$/, ''))
    return `is not base64 after "whsec_", but ${form}`;
  if (bytes.length < STANDARD_BYTES.min || bytes.length > STANDARD_BYTES.max)
    return `holds ${bytes.length} bytes, but ${form}`;
  return null;
}
