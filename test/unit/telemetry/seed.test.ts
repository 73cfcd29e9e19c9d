import { describe, expect, it } from 'vitest';
import { newSpanId, newTraceId } from '../../../src/contract/ids.ts';
import {
  createSeed,
  formatTraceparent,
  isSampled,
  isTrustedParent,
  parseTraceparent,
} from '../../../src/telemetry/seed.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';
const GOOD = `00-${TRACE}-${SPAN}-01`;
const never = { newTraceId, newSpanId, sampleRatio: 0 };

describe('traceparent', () => {
  it('is read', () => {
    expect(parseTraceparent(GOOD)).toEqual({ traceId: TRACE, spanId: SPAN, sampled: true });
    expect(parseTraceparent(`00-${TRACE}-${SPAN}-02`)?.sampled).toBe(false);
  });

  it.each([
    ['empty', ''],
    ['upper case', GOOD.toUpperCase()],
    ['version ff', `ff-${TRACE}-${SPAN}-01`],
    ['version 00 with a tail', `${GOOD}-x`],
    ['zero trace id', `00-${'0'.repeat(32)}-${SPAN}-01`],
    ['zero span id', `00-${TRACE}-${'0'.repeat(16)}-01`],
    ['short', `00-${TRACE.slice(1)}-${SPAN}-01`],
    ['space before', ` ${GOOD}`],
    ['line after', `${GOOD}\n`],
  ])('is refused: %s', (_why, text) => {
    expect(parseTraceparent(text)).toBeNull();
  });

  it('of a later version is read as far as it is known', () => {
    expect(parseTraceparent(`01-${TRACE}-${SPAN}-01-more`)?.traceId).toBe(TRACE);
  });
});

describe('seed', () => {
  it('continues a trusted parent with its decision', () => {
    const seed = createSeed({ traceparent: GOOD, trusted: true }, never);
    expect(seed).toMatchObject({ traceId: TRACE, parentSpanId: SPAN, sampled: true, link: null });
    expect(seed.spanId).toMatch(/^[0-9a-f]{16}$/);
    expect(seed.spanId).not.toBe(SPAN);
  });

  it('links a stranger and ignores its sampled flag', () => {
    const seed = createSeed({ traceparent: GOOD, trusted: false }, never);
    expect(seed).toMatchObject({ parentSpanId: null, sampled: false, link: { traceId: TRACE, spanId: SPAN } });
    expect(seed.traceId).not.toBe(TRACE);
  });

  it('links our own stored context and keeps its decision', () => {
    const seed = createSeed({ traceparent: GOOD, trusted: false, ours: true }, never);
    expect(seed).toMatchObject({ sampled: true, link: { traceId: TRACE, spanId: SPAN } });
  });

  it('starts a root where there is no usable parent', () => {
    const seed = createSeed({ traceparent: 'nonsense', trusted: true }, { ...never, sampleRatio: 1 });
    expect(seed).toMatchObject({ parentSpanId: null, sampled: true, link: null });
    expect(parseTraceparent(formatTraceparent(seed))).toMatchObject({ traceId: seed.traceId, sampled: true });
  });

  it('samples by ratio', () => {
    const sampled = Array.from({ length: 20_000 }, () => isSampled(newTraceId(), 0.1)).filter(Boolean).length;
    expect(sampled).toBeGreaterThan(1600);
    expect(sampled).toBeLessThan(2400);
    expect(isSampled(newTraceId(), Number.NaN)).toBe(false);
  });
});

describe('trusted parents', () => {
  it.each([
    ['10.1.2.3', ['10.0.0.0/8'], true],
    ['::ffff:10.1.2.3', ['10.0.0.0/8'], true],
    ['11.1.2.3', ['10.0.0.0/8'], false],
    ['2001:db8::1', ['2001:db8::/32'], true],
    ['127.0.0.1', ['127.0.0.1'], true],
    ['127.0.0.2', ['127.0.0.1'], false],
    ['2001:db8::1', ['10.0.0.0/8', '2001:db8::/32'], true],
    ['10.1.2.3', ['2001:db8::/32', '::/0'], false],
    ['127.0.0.1', [], false],
    ['unix', ['10.0.0.0/8'], false],
  ])('%s in %j: %s', (address, ranges, trusted) => {
    expect(isTrustedParent(address, ranges)).toBe(trusted);
  });
});
