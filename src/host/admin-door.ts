/** What the admin plane sees of the host. */
import type { AdminPorts, Health, Scope } from '../admin/admin.ts';
import { HostError } from '../contract/errors.ts';
import type { GuestEvent, HeaderList } from '../contract/invocation.ts';
import { LIMIT_RULES } from '../contract/limits.ts';
import { MIB } from '../contract/units.ts';
import { wholeBody } from '../dispatch/answer.ts';
import type { Called } from '../dispatch/callers.ts';
import type { HostStats } from '../telemetry/telemetry.ts';
import { VERSION } from '../version.ts';
import type { Parts } from './parts.ts';

/** Body of an admin call that runs the scheduled handler instead of fetch. */
const SCHEDULED = '{"kind":"scheduled"}';

export function adminPorts(parts: Parts): AdminPorts {
  return {
    adminHost: parts.config.server.adminHost,
    functions: () =>
      [...parts.live.values()].map((version) => ({
        version,
        ...parts.pool.census(version),
        realm: parts.quarantine.realmOf(version),
        quarantine: parts.quarantine.view(version),
      })),
    lift: (version) => parts.quarantine.lift(version),
    invoke: async (name, body, headers) => {
      const called = invoke(parts, name, body, headers);
      if (called === null) throw new HostError('NOT_FOUND', `There is no function \`${name}\`.`);
      const answer = await called.answer;
      const whole = await wholeBody(answer.body, LIMIT_RULES.responseBytes.default);
      const { outcome, status, headers: answered } = answer;
      const { invocationId } = called;
      const problem = outcome === 'ok' ? null : (parts.telemetry.recent.invocation(invocationId)?.problem ?? null);
      return { invocationId, outcome, status, headers: answered, body: whole ?? new Uint8Array(), problem };
    },
    ledger: parts.ledger,
    inbox: parts.inbox,
    recent: parts.telemetry.recent,
    stats: () => stats(parts),
    metricsText: () => parts.telemetry.metricsText(),
    health: () => health(parts),
    standing: () => parts.standing,
    verifyToken: (token): readonly Scope[] | null => parts.tokens.verify(token)?.scopes ?? null,
    fault: (error) => parts.log(`admin: ${error instanceof Error ? error.message : String(error)}`),
  };
}

/** What `/metrics` shows as gauges. */
export function gauges(parts: Parts): HostStats {
  const lanes = parts.engine.lanes();
  const pool = parts.pool.stats();
  const isolates = [...parts.live.values()].map((version) => ({
    function: version.spec.name,
    version: version.version,
    state: 'ready' as const,
    count: parts.pool.census(version).isolates,
  }));
  return {
    gauges: {
      'isolane.invocations.running': parts.dispatch.running,
      'isolane.queue.waiting': parts.dispatch.queued,
      'isolane.pool.memory': pool.bytes,
      'isolane.pool.memory.limit': parts.config.server.memoryMiB * MIB,
      'isolane.pool.memory.allowed': pool.allowedBytes,
      'isolane.functions.quarantined': parts.quarantine.closed,
      'isolane.lanes': lanes.length,
      'isolane.lanes.busy': lanes.filter((lane) => lane.runningSinceNs > 0).length,
    },
    isolates: isolates.filter(({ count }) => count > 0),
    restarts: parts.standing.restarts,
  };
}

function invoke(parts: Parts, name: string, body: Uint8Array, headers: HeaderList): Called | null {
  const spec = parts.live.get(name)?.spec;
  const schedule = spec?.cron[0]?.schedule;
  const isTick = schedule !== undefined && Buffer.from(body).toString('utf8') === SCHEDULED;
  const event: GuestEvent = isTick
    ? { kind: 'scheduled', cron: schedule, scheduledEpochMs: parts.clock.epochMs() }
    : spec?.handler.kind === 'lambda'
      ? { kind: 'invoke', body }
      : { kind: 'fetch', method: 'POST', url: `${parts.baseUrl}/`, headers, body };
  const trace = parts.telemetry.seed({ traceparent: null, trusted: false });
  return parts.callers.call(name, { event, trigger: 'api', source: 'admin', trace });
}

function health(parts: Parts): Health {
  const reasons: { code: string; message: string }[] = [];
  for (const code of ['ledger', 'inbox'] as const) {
    const problem = parts[code].problem();
    if (problem !== null) reasons.push({ code, message: `The ${code} cannot write: ${problem}.` });
  }
  if (!parts.ready) reasons.push({ code: 'draining', message: 'The host is starting or shutting down.' });
  if (parts.engine.lanes().length === 0) reasons.push({ code: 'engine', message: 'No engine lane is healthy.' });
  return { live: true, ready: reasons.length === 0, reasons };
}

function stats(parts: Parts): object {
  return {
    hostId: parts.hostId,
    pid: process.pid,
    ...parts.standing,
    version: VERSION,
    uptimeSeconds: Math.round(process.uptime()),
    running: parts.dispatch.running,
    queued: parts.dispatch.queued,
    pool: parts.pool.stats(),
    lanes: parts.engine.lanes().map((lane) => ({
      id: lane.id,
      isolates: lane.isolates,
      unclaimed: lane.unclaimed,
      busy: lane.runningSinceNs > 0,
    })),
    rssBytes: process.memoryUsage.rss(),
    /** Sockets, timers, threads: whatever keeps the process going. */
    activeHandles: process.getActiveResourcesInfo().length,
  };
}
