/** The stages of one running host, as the composition root hands them to the doors it builds. */
import type { Tokens } from '../admin/admin.ts';
import type { Clock } from '../contract/clock.ts';
import type { Config } from '../contract/config.ts';
import type { FunctionVersion } from '../contract/function.ts';
import type { Standing } from '../contract/host-wire.ts';
import type { Callers } from '../dispatch/callers.ts';
import type { Dispatch } from '../dispatch/dispatch.ts';
import type { Engine } from '../engine/engine.ts';
import type { Webhooks } from '../events/events.ts';
import type { Pool } from '../pool/pool.ts';
import type { Quarantine } from '../quarantine/quarantine.ts';
import type { SqliteInbox, SqliteLedger } from '../store/store.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';

export interface Parts {
  readonly hostId: string;
  readonly clock: Clock;
  readonly tokens: Tokens;
  readonly ledger: SqliteLedger;
  readonly inbox: SqliteInbox;
  readonly telemetry: Telemetry;
  readonly engine: Engine;
  readonly pool: Pool;
  readonly dispatch: Dispatch;
  readonly callers: Callers;
  readonly quarantine: Quarantine;
  readonly webhooks: Webhooks;
  /** As it is now: a reload replaces it. */
  readonly config: Config;
  readonly live: ReadonlyMap<string, FunctionVersion>;
  /** Among the hosts of its supervisor. */
  readonly standing: Standing;
  /** Accepting: neither starting nor draining. */
  readonly ready: boolean;
  /** What functions called from inside see as their origin. */
  readonly baseUrl: string;
  log(line: string): void;
}
