/** `limits` of one function → complete limits, and the relations between them that must hold. */
import { LAMBDA_DEFAULTS, LIMIT_RULES, type Limits } from '../contract/limits.ts';
import type { Problems } from './problems.ts';
import { figureOf, PROFILES, type ProfileName } from './profiles.ts';
import type { RawLimits } from './raw.ts';

export interface LimitContext {
  /** Key path of the function. */
  readonly path: string;
  readonly lambda: boolean;
  /** Largest `maxBodyBytes` of the webhook endpoints that call the function; `null`: none does. */
  readonly webhookBytes: number | null;
  /** Reached by HTTP too, so that the ordinary request limit still has a meaning. */
  readonly routed: boolean;
  /** `server.memoryMiB`. */
  readonly poolMiB: number;
  readonly profile: ProfileName | null;
}

export function resolveLimits(raw: RawLimits, context: LimitContext, problems: Problems): Limits {
  const chosen = Object.entries(LIMIT_RULES).map(([key, rule]) => {
    const name = key as keyof Limits;
    const figure = figureOf(context.profile, name);
    const ceiling = figure?.max ?? rule.max;
    const own = raw[name];
    if (own !== undefined && own > ceiling) refuseAbove(`${context.path}.limits.${name}`, own, context, problems);
    const general = figure === null ? rule.default : (figure.default ?? figure.max);
    const fallback = context.lambda ? (LAMBDA_DEFAULTS[name] ?? general) : general;
    return [name, own ?? Math.min(fallback, ceiling)];
  });
  const ceilingOf = (name: keyof Limits): number => figureOf(context.profile, name)?.max ?? LIMIT_RULES[name].max;
  const limits: { -readonly [K in keyof Limits]: number } = Object.fromEntries(chosen);
  // AWS has no CPU limit of its own: the time limit is one for both.
  if (context.lambda && raw.cpuMs === undefined) limits.cpuMs = Math.min(limits.wallMs, ceilingOf('cpuMs'));
  if (context.webhookBytes !== null) {
    const own = raw.requestBytes ?? (context.routed ? limits.requestBytes : 0);
    limits.requestBytes = Math.max(own, context.webhookBytes);
  }
  if (raw.streamedResponseBytes === undefined) {
    limits.streamedResponseBytes = Math.max(limits.streamedResponseBytes, limits.responseBytes);
  }
  if (limits.responseBytes > limits.streamedResponseBytes) {
    problems.refuse(
      `${context.path}.limits.responseBytes is ${limits.responseBytes}, but must not be above streamedResponseBytes, which is ${limits.streamedResponseBytes}.`,
    );
  }
  if (limits.memoryMiB > context.poolMiB) {
    problems.refuse(
      `${context.path}.limits.memoryMiB is ${limits.memoryMiB}, but the whole pool has ${context.poolMiB} (server.memoryMiB); lower the one or raise the other.`,
    );
  }
  return limits;
}

function refuseAbove(path: string, value: number, { profile }: LimitContext, problems: Problems): void {
  const name = path.slice(path.lastIndexOf('.') + 1) as keyof Limits;
  const { title } = PROFILES[profile!];
  problems.refuse(
    `${path} is ${value}, but profile "${profile}" (${title}) allows at most ${figureOf(profile, name)?.max}; lower it or choose another --profile.`,
  );
}
