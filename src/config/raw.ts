/** `isolane.json` as it is written, after its shape was checked and before anything is resolved or defaulted. */
import type { Limits } from '../contract/limits.ts';
import type { ProfileName } from './profiles.ts';

export type RawValue =
  | string
  | { readonly env: string; readonly secret?: undefined }
  | { readonly secret: string; readonly env?: undefined };

export type RawLimits = { readonly [K in keyof Limits]?: number | undefined };

export interface RawFunction {
  readonly entry: string;
  readonly handler?: string | undefined;
  readonly routes?: readonly string[] | undefined;
  readonly url?: boolean | undefined;
  readonly auth?: 'none' | 'token' | undefined;
  readonly env?: Readonly<Record<string, RawValue>> | undefined;
  readonly services?: Readonly<Record<string, string>> | undefined;
  readonly limits?: RawLimits | undefined;
  readonly rate?: { readonly perSecond: number; readonly burst?: number | undefined } | undefined;
  readonly egress?: { readonly allow?: readonly string[] | undefined } | undefined;
  readonly idempotency?: { readonly ttlHours?: number | undefined } | undefined;
  readonly warm?: number | undefined;
  readonly reserved?: number | undefined;
  readonly cron?: readonly { readonly schedule: string; readonly timezone?: string | undefined }[] | undefined;
  readonly isolation?: 'shared' | 'process' | undefined;
  readonly wasm?: boolean | undefined;
}

export interface RawWebhook {
  readonly provider: 'github' | 'standard';
  readonly secrets: readonly RawValue[];
  readonly function: string;
  readonly mode?: 'async' | 'sync' | undefined;
  readonly dedupHours?: number | undefined;
  readonly attempts?: number | undefined;
  readonly maxBodyBytes?: number | undefined;
}

export interface RawServer {
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly adminHost?: string | undefined;
  readonly adminPort?: number | undefined;
  readonly dataDir?: string | undefined;
  readonly publicUrl?: string | undefined;
  readonly trustedProxies?: readonly string[] | undefined;
  readonly isolation?: 'shared' | 'process' | undefined;
  readonly memoryMiB?: number | undefined;
  readonly maxIsolates?: number | undefined;
  readonly maxConnections?: number | undefined;
  readonly queueDepth?: number | undefined;
  readonly profile?: ProfileName | undefined;
}

export interface RawTenant {
  readonly functions: readonly string[];
  readonly privateHosts?: readonly string[] | undefined;
  readonly isolation?: 'shared' | 'process' | undefined;
  readonly memoryMiB?: number | undefined;
  readonly instances?: number | undefined;
}

export interface RawConfig {
  readonly $schema?: string | undefined;
  readonly functions: Readonly<Record<string, RawFunction>>;
  readonly webhooks?: Readonly<Record<string, RawWebhook>> | undefined;
  readonly server?: RawServer | undefined;
  readonly tenants?: Readonly<Record<string, RawTenant>> | undefined;
  readonly telemetry?:
    | { readonly sampleRatio?: number | undefined; readonly trustedParents?: readonly string[] | undefined }
    | undefined;
  readonly billing?: { readonly durability?: 'process' | 'power' | undefined } | undefined;
}
