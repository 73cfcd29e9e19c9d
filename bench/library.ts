/**
 * A library as applications have them: modules of some 4 KB that import each other, with classes, functions, tables and
 * texts. Some of it runs while it loads (tables are built, routes registered, a first instance made), most never does: per
 * KB it takes V8 as long to compile, and about as long to run, as a bundle of hono, zod, marked, jose and pdf-lib.
 */

const MODULE_BYTES = 4096;
const WORDS = 'account archive batch cache channel cursor digest entry filter group header index journal ledger'.split(
  ' ',
);
const word = (n: number): string => WORDS[n % WORDS.length]!;

function method(id: string, n: number): string {
  const [a, b] = [word(n * 7 + 3), word(n * 5 + 1)];
  return `  ${a}${n}(${b}: string, limit = ${n + 2}): string {
    if (${b}.length > limit * 64) throw new RangeError(\`${a} of ${id} takes at most \${limit * 64} characters, not \${${b}.length}\`);
    const parts = ${b}.split(/[,;:${n % 10}]+/u).filter((part) => part !== '').map((part, at) => \`\${at}:\${part.trim()}\`);
    for (const part of parts) this.#known.set(part, (this.#known.get(part) ?? 0) + ${n});
    return parts.join('${a.slice(0, 2)}') + this.name;
  }
`;
}

function module(at: number): string {
  const id = `M${at}`;
  const before = at === 0 ? '' : `import { describe${at - 1}, type Route${at - 1} } from './m${at - 1}.ts';\n`;
  const head = `${before}
export interface Route${at} { readonly name: string; readonly weight: number; match(path: string): boolean }
const TABLE${at}: Readonly<Record<string, string>> = { ${WORDS.map((each, n) => `${each}: 'The ${each} of part ${at} has ${n} members'`).join(', ')} };
export function describe${at}(key: string): string {
  return TABLE${at}[key] ?? ${at === 0 ? "'unknown'" : `describe${at - 1}(key)`};
}
function route${at}(name: string, weight: number): Route${at} {
  const pattern = new RegExp(\`^/\${name}/(?<id>[^/]+)/?$\`);
  return { name, weight, match: (path) => pattern.test(path) };
}
export const routes${at}: readonly Route${at}[] = Object.keys(TABLE${at}).slice(0, 4).map((name, n) => route${at}(name, n * ${at + 1}));
`;
  const tail = `export const thing${at} = new ${id}('part ${at}');\nthing${at}.${word(3)}0('a, b, c');\n`;
  let body = `export class ${id} {\n  readonly name: string;\n  readonly #known = new Map<string, number>();\n  constructor(name: string) { this.name = name; }\n`;
  for (let n = 0; head.length + body.length + tail.length < MODULE_BYTES; n++) body += method(id, n);
  return `${head}${body}}\n${tail}`;
}

/** Files whose bundle has about `kib` KiB. Import `size` from `index.ts` among them: the number of routes. */
export function library(directory: string, kib: number): ReadonlyMap<string, string> {
  // Types go and names of functions are kept: a bundle is a little larger than its source.
  const count = Math.max(1, Math.round((kib * 1024) / (MODULE_BYTES * 1.05)));
  const files = new Map<string, string>();
  for (let at = 0; at < count; at++) files.set(`${directory}/m${at}.ts`, module(at));
  const imports = Array.from({ length: count }, (_, at) => `import * as m${at} from './m${at}.ts';\n`).join('');
  const all = Array.from({ length: count }, (_, at) => `m${at}`).join(', ');
  const sum = Array.from({ length: count }, (_, at) => `m${at}.routes${at}.length`).join(' + ');
  files.set(
    `${directory}/index.ts`,
    `${imports}export const parts: readonly object[] = [${all}];\nexport const size: number = ${sum};\n`,
  );
  return files;
}
