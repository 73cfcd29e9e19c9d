/** The head of a guest's request as it may leave: framing, the connection and the loop count are the host's to say. */
import { validateHeaderName, validateHeaderValue } from 'node:http';
import type { HeaderList, Invocation } from '../../contract/invocation.ts';
import { loopHeader } from '../../contract/loop.ts';
import { EgressError } from './egress.ts';

const MAX_PAIRS = 512;
const MAX_CHARS = 64 * 1024;
const PLATFORM = 'isolane';
/** Never the guest's to say. */
const REFUSED_HEADERS: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'http2-settings',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
const METHOD = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}$/;
const REFUSED_METHODS: ReadonlySet<string> = new Set(['CONNECT', 'TRACE', 'TRACK']);

/** Throws `EgressError` for what HTTP cannot carry. `depth`: calls between functions that lead to this request. */
export function outgoingHeaders(headers: HeaderList, depth: number): HeaderList {
  if (headers.length / 2 > MAX_PAIRS) throw new EgressError(`fetch may send ${MAX_PAIRS} headers`);
  const kept: string[] = [];
  let size = 0;
  let loops = '';
  let named = false;
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i]!.toLowerCase();
    const value = headers[i + 1]!;
    size += name.length + value.length;
    try {
      validateHeaderName(name);
      validateHeaderValue(name, value);
    } catch {
      const shown = JSON.stringify(name.slice(0, 100));
      throw new EgressError(`fetch cannot send the header ${shown}: its name or value is not one of HTTP`);
    }
    if (name === 'cdn-loop') loops = loops === '' ? value : `${loops}, ${value}`;
    else if (!REFUSED_HEADERS.has(name) && !name.startsWith('proxy-')) kept.push(name, value);
    named ||= name === 'user-agent';
  }
  if (size > MAX_CHARS) throw new EgressError(`fetch may send headers of ${MAX_CHARS} characters in all`);
  if (!named) kept.push('user-agent', PLATFORM);
  kept.push('cdn-loop', loopHeader(loops, depth));
  return kept;
}

export function checkMethod(method: string): void {
  if (METHOD.test(method) && !REFUSED_METHODS.has(method.toUpperCase())) return;
  throw new EgressError(`fetch cannot send the method ${JSON.stringify(method.slice(0, 100))}`);
}

/** With the trace context of the request's own CLIENT span. */
export function traced(headers: HeaderList, { trace }: Invocation, spanId: string): HeaderList {
  const kept = withoutHeaders(headers, ['traceparent']);
  return [...kept, 'traceparent', `00-${trace.traceId}-${spanId}-${trace.sampled ? '01' : '00'}`];
}

export function withoutHeaders(headers: HeaderList, names: readonly string[]): HeaderList {
  const kept: string[] = [];
  for (let i = 0; i < headers.length; i += 2) {
    if (!names.includes(headers[i]!.toLowerCase())) kept.push(headers[i]!, headers[i + 1]!);
  }
  return kept;
}
