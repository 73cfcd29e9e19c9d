/**
 * A host inside another program, the way `src/index.ts` offers it, in a process of its own that can be told to deploy
 * another configuration and to block its main thread. `node test/support/embedded-host.ts CONFIG DATA_DIR`.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { loadConfig, NODE_FLAGS, startHost } from '../../src/index.ts';

type Order = { readonly reload: string; readonly id: number } | { readonly blockMs: number } | { readonly close: true };

interface Reloaded {
  readonly id: number;
  /** Empty: it is served. */
  readonly problem: string;
}

interface Up {
  readonly url: string;
  readonly adminUrl: string;
  readonly adminTokenFile: string;
}

export class EmbeddedHost {
  readonly url: string;
  readonly child: ChildProcess;
  readonly #adminUrl: string;
  readonly #token: string;
  #ids = 0;

  private constructor(child: ChildProcess, up: Up, token: string) {
    this.child = child;
    this.url = up.url;
    this.#adminUrl = up.adminUrl;
    this.#token = token;
  }

  static async start(config: string, dataDir: string): Promise<EmbeddedHost> {
    const child = fork(import.meta.filename, [config, dataDir], {
      execArgv: [...NODE_FLAGS],
      env: { PATH: process.env['PATH'] },
    });
    const [up] = (await Promise.race([
      once(child, 'message'),
      once(child, 'exit').then(() => Promise.reject(new Error('the embedded host ended before it was up'))),
    ])) as [Up];
    const { readFileSync } = await import('node:fs');
    return new EmbeddedHost(child, up, readFileSync(up.adminTokenFile, 'utf8').trim());
  }

  admin(path: string): Promise<Response> {
    return fetch(this.#adminUrl + path, { headers: { authorization: `Bearer ${this.#token}` } });
  }

  /** Resolves when it is served; rejects with the refusal. */
  reload(config: string): Promise<void> {
    const id = ++this.#ids;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const hear = (message: Reloaded): void => {
      if (message.id !== id) return;
      this.child.off('message', hear);
      if (message.problem === '') resolve();
      else reject(new Error(message.problem));
    };
    this.child.on('message', hear);
    this.child.send({ reload: config, id } satisfies Order);
    return promise;
  }

  /** Its main thread does nothing else for so long; does not wait for it. */
  block(blockMs: number): void {
    this.child.send({ blockMs } satisfies Order);
  }

  async close(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const exit = once(this.child, 'exit');
    this.child.send({ close: true } satisfies Order);
    const killer = setTimeout(() => this.child.kill('SIGKILL'), 10_000);
    await exit;
    clearTimeout(killer);
  }
}

async function serve(config: string, dataDir: string): Promise<void> {
  const load = (file: string) =>
    loadConfig(file, { env: {}, workingDirectory: process.cwd(), flags: { port: 0, adminPort: 0, dataDir } });
  const host = await startHost({ config: load(config).config, log: () => undefined });
  process.on('message', (order: Order) => {
    if ('blockMs' in order) {
      const until = performance.now() + order.blockMs;
      while (performance.now() < until);
    } else if ('reload' in order) {
      host.reload(load(order.reload).config).then(
        () => process.send!({ id: order.id, problem: '' } satisfies Reloaded),
        (error: Error) => process.send!({ id: order.id, problem: error.message } satisfies Reloaded),
      );
    } else {
      host.close(1000).then(() => process.exit(0));
    }
  });
  const { url, adminUrl, adminTokenFile } = host;
  process.send!({ url, adminUrl, adminTokenFile } satisfies Up);
}

if (import.meta.main) await serve(process.argv[2]!, process.argv[3]!);
