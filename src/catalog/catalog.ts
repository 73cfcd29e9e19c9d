/**
 * Functions as configured → immutable versions on disk that an isolate can be loaded from. All of a publication is
 * bundled before anything is written, so a refusal leaves the data dir as it was. Knows nothing of isolates.
 */
import { createHash } from 'node:crypto';
import { stop } from 'esbuild';
import { HostError } from '../contract/errors.ts';
import type { FunctionSpec, FunctionVersion } from '../contract/function.ts';
import { joined } from './build-messages.ts';
import { type Bundle, bundle, recipe } from './bundle.ts';
import { BundleCache, type StoredBundle } from './bundle-cache.ts';
import { BundleStore } from './bundle-store.ts';
import { nodeModulesStamp } from './node-plugin.ts';
import { CATALOG_FILE, VersionList } from './version-list.ts';

/** esbuild is parallel itself; more at once only holds more in memory. */
const PARALLEL = 4;
/** Functions looked up in one go: a host that serves meanwhile gets its turn. */
const IN_ONE_GO = 100;

export interface CatalogOptions {
  /** Absolute path. */
  readonly dataDir: string;
  /** The project's directory, absolute: what paths in messages and stacks are relative to. Default: the process's. */
  readonly root?: string;
  /** Wall clock for `at`; default: the system's. */
  readonly now?: () => Date;
}

export interface Publication {
  readonly versions: FunctionVersion[];
  /** One sentence each. */
  readonly warnings: string[];
  /** Absolute paths of every source file that went into a bundle. */
  readonly inputs: readonly string[];
}

export class Catalog {
  readonly #dataDir: string;
  readonly #root: string;
  readonly #now: () => Date;
  readonly #store: BundleStore;
  /** The publication before the next. */
  #before: Promise<unknown> = Promise.resolve();

  constructor(options: CatalogOptions) {
    this.#dataDir = options.dataDir;
    this.#root = options.root ?? process.cwd();
    this.#now = options.now ?? (() => new Date());
    this.#store = new BundleStore(options.dataDir);
  }

  /**
   * In the order of `specs`, one call after the other: a version's number is read, counted on and written. Throws
   * BUNDLE_FAILED (for all functions that failed) or DATA_DIR_UNUSABLE.
   */
  publish(specs: readonly FunctionSpec[]): Promise<Publication> {
    const published = this.#before.then(() => this.#publish(specs));
    this.#before = published.catch(() => undefined);
    return published;
  }

  async #publish(specs: readonly FunctionSpec[]): Promise<Publication> {
    const cache = await BundleCache.open(this.#store);
    const { bundles, built } = await this.#bundleAll(specs, cache);
    await this.#store.prepare();
    const versions = VersionList.parse(await this.#store.read(CATALOG_FILE), this.#dataDir);
    await this.#store.put(built);
    const at = this.#now().toISOString();
    const published = specs.map((spec, index) => this.#version(spec, bundles[index]!, versions, at));
    if (versions.changed) await this.#store.write(CATALOG_FILE, versions.toString());
    await cache.save();
    return {
      versions: published,
      warnings: bundles.flatMap((one) => one.warnings),
      inputs: [...new Set(bundles.flatMap((one) => one.inputs))],
    };
  }

  /** Ends the bundler's own process; a later `publish` starts it again. */
  async close(): Promise<void> {
    await stop();
  }

  #version(spec: FunctionSpec, { hash, bytes }: StoredBundle, versions: VersionList, at: string): FunctionVersion {
    const key = versionKey(spec, hash);
    return {
      spec,
      version: versions.number(spec.name, { hash, key }, at),
      hash,
      bundlePath: this.#store.path(hash),
      bundleBytes: bytes,
      key,
    };
  }

  /** `built`: those that were not in the store. */
  async #bundleAll(
    specs: readonly FunctionSpec[],
    cache: BundleCache,
  ): Promise<{ readonly bundles: readonly StoredBundle[]; readonly built: readonly Bundle[] }> {
    const modules = await nodeModulesStamp();
    const bundles: StoredBundle[] = [];
    const built: Bundle[] = [];
    const errors: HostError[] = [];
    let next = 0;
    const work = async (): Promise<void> => {
      for (let index = next++; index < specs.length; index = next++) {
        if (index % IN_ONE_GO === IN_ONE_GO - 1) await new Promise((resolve) => setImmediate(resolve));
        try {
          bundles[index] = await this.#bundle(specs[index]!, { cache, modules, built });
        } catch (error) {
          if (!(error instanceof HostError)) throw error;
          errors[index] = error;
        }
      }
    };
    await Promise.all(Array.from({ length: Math.min(PARALLEL, specs.length) }, work));
    const failed = errors.filter((error) => error !== undefined);
    if (failed.length > 0) throw joined(failed);
    return { bundles, built };
  }

  async #bundle(
    spec: FunctionSpec,
    { cache, modules, built }: { readonly cache: BundleCache; readonly modules: string; readonly built: Bundle[] },
  ): Promise<StoredBundle> {
    const key = recipe(spec, this.#root, modules);
    const known = await cache.find(key);
    if (known !== null) return known;
    const startedMs = Date.now();
    const made = await bundle(spec, this.#root);
    cache.remember(key, made, startedMs);
    built.push(made);
    const { hash, code, inputs, warnings } = made;
    return { hash, bytes: code.byteLength, inputs, warnings };
  }
}

/** Everything an isolate's behaviour depends on: equal keys may share warm isolates. */
function versionKey(spec: FunctionSpec, hash: string): string {
  const sorted = (record: object): [string, unknown][] =>
    Object.entries(record).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  const identity = [
    spec.tenant,
    spec.name,
    hash,
    sorted(spec.env),
    sorted(spec.limits),
    sorted(spec.services),
    sorted(spec.handler),
    spec.egressAllow,
    spec.privateHosts,
    spec.isolation,
    spec.wasm,
  ];
  return createHash('sha256').update(JSON.stringify(identity)).digest('hex');
}
