/** Telemetry as a host is configured: what it keeps, what it sends where. Not started. */
import { createTelemetry, type Telemetry } from '../telemetry/telemetry.ts';
import { VERSION } from '../version.ts';
import type { Parts } from './parts.ts';

export function openTelemetry(parts: Pick<Parts, 'config' | 'hostId' | 'clock' | 'log'>): Telemetry {
  return createTelemetry({
    env: process.env,
    sampleRatio: parts.config.telemetry.sampleRatio,
    serviceVersion: VERSION,
    hostId: parts.hostId,
    now: () => parts.clock.epochMs(),
    warn: (line) => parts.log(line),
  });
}
