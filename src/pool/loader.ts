/** Starts loads: room first, then a lane; and what functions keep ready, one load a lane at a time. */
import type { EnginePort } from '../contract/engine-port.ts';
import { type Group, newIsolate, type PooledIsolate } from './group.ts';
import type { Lanes } from './lanes.ts';
import { Provision } from './provision.ts';
import type { Rooms } from './rooms.ts';
import type { Waits } from './waits.ts';
import type { Warm } from './warm.ts';

export interface LoaderParts {
  readonly engine: EnginePort;
  readonly lanes: Lanes;
  readonly warm: Warm;
  readonly waits: Waits;
  readonly rooms: Rooms;
  nowNs(): number;
  drop(isolate: PooledIsolate): void;
}

export class Loader {
  readonly #parts: LoaderParts;
  /** What functions keep ready. */
  readonly provision: Provision;

  constructor(parts: LoaderParts) {
    this.#parts = parts;
    this.provision = new Provision({
      most: () => Math.max(1, parts.engine.lanes().length),
      mayLoad: ({ failure }) => failure === null || failure.untilNs <= parts.nowNs(),
      load: (group) => this.#begin(group, true) !== null,
    });
  }

  /** `null`: it waits for room, or for a lane. */
  load(group: Group): PooledIsolate | null {
    return this.#begin(group, false);
  }

  /** A load is over, or its isolate gone. */
  over(isolate: PooledIsolate, well: boolean): void {
    if (!isolate.provisioned) return;
    isolate.provisioned = false;
    this.provision.over(isolate.group, well);
  }

  #begin(group: Group, provisioned: boolean): PooledIsolate | null {
    const { engine, lanes, warm, waits, rooms } = this.#parts;
    if (!rooms.make(group)) {
      if (!provisioned) waits.starve(group);
      return null;
    }
    const lane = lanes.choose(group) ?? (this.#clearRealm(group) ? lanes.choose(group) : null);
    if (lane === null) {
      if (!provisioned) waits.laneless.add(group);
      return null;
    }
    waits.laneless.delete(group);
    const isolate = newIsolate(engine.load(group.version, lane), lane, group, provisioned);
    group.loading += 1;
    warm.add(isolate);
    return isolate;
  }

  /** No lane for its realm and none to be had: another that only keeps warm what nobody uses makes room, once. */
  #clearRealm(group: Group): boolean {
    const { warm, waits, drop } = this.#parts;
    if (waits.laneless.has(group)) return false;
    const victims = warm.idleRealm(group.realm);
    for (const victim of victims) drop(victim);
    return victims.length > 0;
  }
}
