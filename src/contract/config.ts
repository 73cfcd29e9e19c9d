/** `isolane.json` after parsing: complete, default-free, every value resolved (CONTRACT §3). */
import type { FunctionSpec } from './function.ts';

export interface WebhookSpec {
  /** Endpoint name: served at `/hooks/<name>`. */
  readonly name: string;
  readonly provider: 'github' | 'standard';
  /** Resolved secrets, newest first; all are tried. `id` names one in records without showing it. */
  readonly secrets: readonly { readonly id: string; readonly value: string }[];
  readonly function: string;
  readonly mode: 'async' | 'sync';
  readonly dedupHours: number;
  readonly attempts: number;
  readonly maxBodyBytes: number;
}

export interface ServerSpec {
  readonly host: string;
  readonly port: number;
  readonly adminHost: string;
  readonly adminPort: number;
  /** Absolute path. */
  readonly dataDir: string;
  readonly publicUrl: string | null;
  readonly trustedProxies: readonly string[];
  readonly isolation: 'shared' | 'process';
  /** Bytes the warm pool may hold, MiB. */
  readonly memoryMiB: number;
  readonly maxIsolates: number;
  readonly maxConnections: number;
  readonly queueDepth: number;
  /** Name of the platform whose published limits bound every function's. */
  readonly profile: string | null;
}

/** What the operator lets a whole tenant hold; `null`: as much as the host. */
export interface TenantSpec {
  readonly name: string;
  readonly instances: number | null;
  readonly memoryMiB: number | null;
}

export interface TelemetrySpec {
  /** 0–1. */
  readonly sampleRatio: number;
  /** Addresses or CIDR ranges whose traceparent is continued. */
  readonly trustedParents: readonly string[];
}

export interface Config {
  /** Absolute path of the file it came from. */
  readonly file: string;
  readonly functions: readonly FunctionSpec[];
  readonly webhooks: readonly WebhookSpec[];
  readonly server: ServerSpec;
  readonly tenants: readonly TenantSpec[];
  readonly telemetry: TelemetrySpec;
  readonly billing: { readonly durability: 'process' | 'power' };
}
