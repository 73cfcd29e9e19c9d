/** Guest code through the real bundler into a guest isolate: what npm imports and built-ins of Node become in the end. */
import { bundle } from '../../src/catalog/bundle.ts';
import { spec } from '../unit/catalog/spec.ts';
import { Project } from '../unit/config/project.ts';
import { type Guest, type GuestOptions, openGuest } from './isolate.ts';

export interface BundledOptions extends GuestOptions {
  /** Further files of the project, by path. */
  readonly files?: Readonly<Record<string, string>>;
}

export interface Bundled {
  readonly guest: Guest;
  readonly warnings: readonly string[];
  readonly bytes: number;
}

/** `code`: the entry file's text. */
export const bundled = async (code: string, options: BundledOptions = {}): Promise<Bundled> => {
  const project = new Project({ 'a.ts': code, ...options.files });
  try {
    const built = await bundle(
      spec('a', `${project.directory}/a.ts`, {}, { concurrency: options.concurrency ?? 1 }),
      project.directory,
    );
    const guest = await openGuest(Buffer.from(built.code).toString(), { ...options, plain: true });
    return { guest, warnings: built.warnings, bytes: built.code.byteLength };
  } finally {
    project.remove();
  }
};

/** Runs `body` as a fetch handler of a module that begins with `imports`; the JSON it returns, parsed. */
export const evalBundled = async (imports: string, body: string, options: BundledOptions = {}): Promise<unknown> => {
  const { guest } = await bundled(
    `${imports}\nexport default { async fetch(request, env, ctx) { return Response.json(await (async () => { ${body} })() ?? null); } }`,
    options,
  );
  try {
    const turn = await guest.settled(guest.fetch());
    const failed = turn.find('failed');
    if (failed !== undefined) throw new Error(`${failed.name}: ${failed.message}\n${failed.stack}`);
    return JSON.parse((turn.get('head').body as { text: string }).text);
  } finally {
    guest.close();
  }
};
