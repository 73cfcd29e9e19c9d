/** Our triggers in the words of the FaaS conventions, which know five. */
import type { Trigger } from '../contract/usage.ts';

export type FaasTrigger = 'datasource' | 'http' | 'pubsub' | 'timer' | 'other';

export function faasTrigger(trigger: Trigger): FaasTrigger {
  switch (trigger) {
    case 'http':
    case 'websocket':
    case 'bench':
      return 'http';
    case 'webhook':
    case 'async':
      return 'pubsub';
    case 'cron':
      return 'timer';
    case 'file':
      return 'datasource';
    case 'api':
      return 'other';
    default:
      return trigger satisfies never;
  }
}
