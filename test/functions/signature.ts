/** Signs webhooks as their senders do, with node:crypto alone, so that no test shares code with the verifier. */
import { createHmac, randomUUID } from 'node:crypto';

export interface SignOptions {
  readonly provider: 'github' | 'standard';
  readonly secret: string;
  /** GitHub's event name. */
  readonly event?: string | undefined;
  /** Delivery id; a fresh one when absent. */
  readonly id?: string;
}

/** The headers a sender of `provider` puts on `body`. */
export function signedHeaders(body: Uint8Array, options: SignOptions): Record<string, string> {
  const id = options.id ?? randomUUID();
  switch (options.provider) {
    case 'github':
      return {
        'content-type': 'application/json',
        'user-agent': 'GitHub-Hookshot/044aadd',
        'x-github-delivery': id,
        'x-github-event': options.event ?? 'ping',
        'x-hub-signature-256': `sha256=${createHmac('sha256', options.secret).update(body).digest('hex')}`,
      };
    case 'standard': {
      const key = Buffer.from(options.secret.replace(/^whsec_/, ''), 'base64');
      const timestamp = Math.floor(Date.now() / 1000).toString();
      const mac = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest('base64');
      return {
        'content-type': 'application/json',
        'webhook-id': id,
        'webhook-timestamp': timestamp,
        'webhook-signature': `v1,${mac}`,
      };
    }
    default:
      return options.provider satisfies never;
  }
}
