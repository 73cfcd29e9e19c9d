/**
 * The trace context of an invocation, made once when a door accepts it. A remote parent is continued only from a
 * trusted peer; anybody else's context becomes a link, and its `sampled` flag is ignored: otherwise every stranger
 * could have all of their requests traced. W3C Trace Context, level 1, read strictly.
 */
import ipaddr from 'ipaddr.js';
import type { TraceSeed } from '../contract/invocation.ts';

export interface SeedInput {
  /** The `traceparent` header, or the one stored with a webhook delivery. */
  readonly traceparent: string | null;
  /** From a trusted peer: continue it. */
  readonly trusted: boolean;
  /** We wrote it ourselves (a stored delivery): still a link, but its sampling decision is kept. */
  readonly ours?: boolean;
}

export interface SeedSource {
  /** Those of `contract/ids.ts`, or a simulator's. */
  newTraceId(): string;
  newSpanId(): string;
  /** 0–1, of new roots. */
  readonly sampleRatio: number;
}

interface RemoteContext {
  readonly traceId: string;
  readonly spanId: string;
  readonly sampled: boolean;
}

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const NO_TRACE = '0'.repeat(32);
const NO_SPAN = '0'.repeat(16);

/** `null` for anything the specification calls invalid. A later version is read as far as it is known. */
export function parseTraceparent(text: string): RemoteContext | null {
  const match = TRACEPARENT.exec(text);
  if (match === null) return null;
  const [, version, traceId = '', spanId = '', flags = '', rest] = match;
  if (version === 'ff' || (version === '00' && rest !== undefined)) return null;
  if (traceId === NO_TRACE || spanId === NO_SPAN) return null;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

/** What goes into a guest's outgoing requests and into a stored delivery. */
export function formatTraceparent(seed: Pick<TraceSeed, 'traceId' | 'spanId' | 'sampled'>): string {
  return `00-${seed.traceId}-${seed.spanId}-${seed.sampled ? '01' : '00'}`;
}

export function createSeed(input: SeedInput, source: SeedSource): TraceSeed {
  const remote = input.traceparent === null ? null : parseTraceparent(input.traceparent);
  const spanId = source.newSpanId();
  if (remote !== null && input.trusted) {
    return { traceId: remote.traceId, spanId, parentSpanId: remote.spanId, sampled: remote.sampled, link: null };
  }
  const traceId = source.newTraceId();
  const sampled = remote !== null && input.ours === true ? remote.sampled : isSampled(traceId, source.sampleRatio);
  const link = remote === null ? null : { traceId: remote.traceId, spanId: remote.spanId };
  return { traceId, spanId, parentSpanId: null, sampled, link };
}

/** By the last 56 bits of the id, as consistent probability sampling reads them. */
export function isSampled(traceId: string, ratio: number): boolean {
  if (ratio >= 1) return true;
  if (!(ratio > 0)) return false;
  // Their first eight bits mostly tell.
  const first = (nibble(traceId.charCodeAt(18)) << 4) | nibble(traceId.charCodeAt(19));
  const bound = 256 * (1 - ratio);
  if (first >= bound || first + 1 <= bound) return first >= bound;
  return Number.parseInt(traceId.slice(18), 16) >= 2 ** 56 * (1 - ratio);
}

/** Of a lower-case hexadecimal digit. */
function nibble(code: number): number {
  return code < 0x3a ? code - 0x30 : code - 0x57;
}

/** Compiles `telemetry.trustedParents`; throws on what is neither an address nor a CIDR range. */
export function trustedParents(ranges: readonly string[]): (address: string) => boolean {
  const parsed = ranges.map((range) => {
    if (range.includes('/')) return ipaddr.parseCIDR(range);
    const one = ipaddr.process(range);
    return [one, one.kind() === 'ipv4' ? 32 : 128] as [ipaddr.IPv4 | ipaddr.IPv6, number];
  });
  if (parsed.length === 0) return () => false;
  return (address) => {
    if (!ipaddr.isValid(address)) return false;
    const peer = ipaddr.process(address);
    return parsed.some(([base, bits]) => peer.kind() === base.kind() && peer.match(base, bits));
  };
}

export function isTrustedParent(address: string, ranges: readonly string[]): boolean {
  return trustedParents(ranges)(address);
}

/** A context we made ourselves, as a seed again: what the webhook door handed on as text. */
export function seedOf(traceparent: string): TraceSeed | null {
  const own = parseTraceparent(traceparent);
  return own === null ? null : { ...own, parentSpanId: null, link: null };
}
