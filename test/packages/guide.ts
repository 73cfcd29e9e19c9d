/** The guide's page of packages, made from what the tries came to. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../support/fixtures.ts';
import type { Tried, Try } from './corpus.ts';

const PAGE = join(ROOT, 'src/admin/docs/packages.md');

const HEAD = `# npm packages

Install packages beside the function and import them: isolane bundles what is used. The packages below run in isolates as
they are. Each is bundled and tried by \`make test\`, clients of services against servers on loopback. Others that need no
operating system mostly work too.

What a package offers for Workers or browsers is taken first: the conditions \`workerd\`, \`worker\`, \`browser\`, \`import\`
(or \`require\`) of its \`exports\`, then \`module\`, \`browser\`, \`main\`, and its \`browser\` map. A package that another one
requires and that is not installed fails where the call is reached, as in Node.

What cannot work: TCP connections and listening on ports, files, processes, native add-ons. Such a module can be imported
and throws by name when it is called; \`serve\` and \`dev\` warn of it. With \`concurrency\` above 1, async functions are
compiled to generators: a package that asks whether a function is async (\`async\` does) takes them for ordinary ones.

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
