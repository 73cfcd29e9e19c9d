/** The guide's page of packages, made from what the tries came to. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../support/fixtures.ts';
import type { Tried, Try } from './corpus.ts';

const PAGE = join(ROOT, 'src/admin/docs/packages.md');

const HEAD = `# npm packages

Functions import npm packages as any bundler lets them: install them beside the function, import them, and isolane bundles
what is used. These packages run in isolates as they are, without patches; each is bundled and tried by \`make test\`, the
clients of services against servers on loopback. Others that need no operating system mostly work too.

What cannot work: opening TCP connections and listening on ports, reading files, starting processes, native add-ons. Such
a module can be imported, and throws by name when it is called; \`deploy\` and \`dev\` warn of it.

| package | version | tried with | notes |
|---|---|---|---|
`;

export function page(tries: readonly Try[], tried: ReadonlyMap<string, Tried>): string {
  const rows = tries.map(({ name, version, slug }) => {
    const { note, came } = tried.get(slug) ?? { note: '', came: [] };
    return `| ${name} | ${version} | ${came.map((check) => check.name).join('; ')} | ${note} |\n`;
  });
  return HEAD + rows.join('');
}

export function readPage(): string {
  return readFileSync(PAGE, 'utf8');
}

export function writePage(text: string): void {
  writeFileSync(PAGE, text);
}
