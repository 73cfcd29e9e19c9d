/**
 * What is run once while the snapshot is made, in a context that is thrown away: a function is loaded and answers twice, with
 * hooks that know nothing. The functions of the runtime that every first request needs are then compiled in the snapshot, and
 * a first request takes half a millisecond less. Must not touch a rare part: those come from the host.
 */
import type { GuestFacts, GuestHooks, TurnEvent } from '../contract/turn.ts';
import { HOOK_ORDER } from './hooks.ts';

const NOW = 1_000_000_000_000;
const URL_PARTS = ['http://a.test/', 'http:', '', '', 'a.test', 'a.test', '', '/', '', '', 'http://a.test'];

const FAKES: Readonly<Partial<Record<keyof GuestHooks, string>>> = {
  log: '() => true',
  now: `() => ${NOW}`,
  random: '(n) => new Uint8Array(n)',
  uuid: "() => '00000000-0000-4000-8000-000000000000'",
  encodeUtf8: '(text) => new Uint8Array(text.length)',
  decode: "() => ''",
  encodingName: "() => 'utf-8'",
  parseUrl: `() => ${JSON.stringify(URL_PARTS.join('\n'))}`,
};

const FACTS: GuestFacts = {
  env: { NAME: 'value' },
  services: [],
  memoryMiB: 128,
  wasm: false,
  timers: 1000,
  subrequests: 50,
  responseBytes: 1_000_000,
  streamedResponseBytes: 1_000_000,
  concurrency: 1,
  lambda: null,
};

const request = (inv: number): TurnEvent => [
  'fetch',
  inv,
  'GET',
  'http://a.test/',
  'accept\n*/*',
  null,
  'x',
  '',
  NOW,
  ['a', 'b'],
  null,
];

const HANDLER = `{
  async fetch(request, env, ctx) {
    return new Response(request.method + request.url + request.headers.get('accept'), { headers: { 'x-a': 'b' } });
  },
}`;

const turn = (...events: readonly TurnEvent[]): string => `turn(${NOW}, ${JSON.stringify(JSON.stringify(events))});`;

export const warmUp = (): string => `{
  const { load, turn } = __isolane(${HOOK_ORDER.map((name) => FAKES[name] ?? '() => null').join(', ')});
  load(${JSON.stringify(JSON.stringify(FACTS))});
  const { register } = globalThis.__isolane_register;
  delete globalThis.__isolane_register;
  register({ default: ${HANDLER} });
  ${turn()}
  ${turn(request(1))}
  ${turn({ e: 'forget', inv: 1 }, request(2))}
}`;
