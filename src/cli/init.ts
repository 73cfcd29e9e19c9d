/** `isolane init [dir]`: a project that runs as it stands. Overwrites nothing; refuses a directory that is a project already. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join, relative, resolve } from 'node:path';
import { HostError } from '../contract/errors.ts';
import type { Command } from './command.ts';
import { projectFiles } from './init-files.ts';

export const init: Command = {
  name: 'init',
  usage: '[DIR]',
  about: 'begin a new project: isolane.json, one function, one test, types',
  words: { min: 0, max: 1 },
  options: {},
  run: async (input, terminal) => {
    const directory = resolve(terminal.workingDirectory, input.words[0] ?? '.');
    const shown = relative(terminal.workingDirectory, directory) || '.';
    if (existsSync(join(directory, 'isolane.json'))) {
      throw new HostError('ALREADY_EXISTS', `${shown} holds an isolane.json already; choose another directory.`);
    }
    const schema = readFileSync(new URL('../config/isolane.schema.json', import.meta.url), 'utf8');
    const { written, kept } = write(directory, projectFiles(packageName(directory), schema), shown);
    if (input.json) {
      terminal.out(JSON.stringify({ directory, written, kept }));
      return 0;
    }
    terminal.out(`Wrote ${written.join(', ')} to ${shown}.`);
    if (kept.length > 0) terminal.out(`Kept ${kept.join(', ')} as they were.`);
    const steps = [
      ...(shown === '.' ? [] : [`cd ${shown}`]),
      'npx isolane dev',
      'curl http://127.0.0.1:8787/hello/Ada',
      'node --test',
    ];
    terminal.out(['', 'Next:', ...steps.map((step) => `  ${step}`)].join('\n'));
    return 0;
  },
};

function write(
  directory: string,
  files: ReadonlyMap<string, string>,
  shown: string,
): { readonly written: readonly string[]; readonly kept: readonly string[] } {
  const written: string[] = [];
  const kept: string[] = [];
  try {
    mkdirSync(directory, { recursive: true });
    // The configuration last: only a directory that has everything is a project.
    for (const [name, text] of [...files].reverse()) {
      const file = join(directory, name);
      if (existsSync(file)) {
        kept.push(name);
      } else {
        writeFileSync(file, text, { flag: 'wx' });
        written.push(name);
      }
    }
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'unknown reason';
    throw new HostError('BAD_REQUEST', `${shown} cannot be written (${code}); choose a directory that can.`, { cause });
  }
  return { written: written.reverse(), kept: kept.reverse() };
}

/** A name npm takes. */
function packageName(directory: string): string {
  const name = basename(directory)
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, '-')
    .replace(/^-+|-+$/g, '');
  return name === '' ? 'functions' : name.slice(0, 100);
}
