/**
 * A bundle as a classic script that does what the module does. isolated-vm hands V8 a code cache for scripts only (for
 * modules it takes one and does not use it), and a cache is most of the difference between a load and a fast load. What
 * this does not understand for certain stays a module: top-level await, `import.meta`, anything but the tail esbuild writes.
 */

/** The user's module is a function that is called once `__isolane_register` is gone, as `isolane:hide` does for modules. */
const HEAD =
  '"use strict";((own,user)=>{const{register}=own;delete globalThis.__isolane_register;register(user(()=>own.bridge))})(__isolane_register,(isolane_host)=>{';
/** Lines before the bundle's own first line. */
export const HEAD_LINES = 1;
const TAIL = '});';

const NAME = String.raw`[\p{ID_Start}$_][\p{ID_Continue}$]*`;
const EXPORTS = /\nexport \{\n((?: {2}[^\n]+\n)+)\};\n$/;
const EXPORT = new RegExp(String.raw`^  (${NAME})(?: as (${NAME}|"(?:[^"\\]|\\.)*"))?,?$`, 'u');
/** Of a CommonJS entry. */
const DEFAULT = new RegExp(String.raw`\nexport default (${NAME}\(\));\n$`, 'u');
const HOST = new RegExp(String.raw`^import \{ host(?: as (${NAME}))? \} from "isolane:host";$`, 'gmu');

/** `null`: it has to stay a module. That the text is sound JavaScript is for who compiles it to see. */
export function asScript(bundle: string): string | null {
  const tail = exported(bundle);
  if (tail === null || bundle.includes('import.meta')) return null;
  const aliases: string[] = [];
  const body = bundle.slice(0, tail.at + 1).replace(HOST, (_, alias: string | undefined) => {
    aliases.push(`${alias ?? 'host'}=isolane_host()`);
    return '';
  });
  if (/^(?:import|export)\b/m.test(body)) return null;
  const names = aliases.length === 0 ? '' : `var ${aliases.join(',')};`;
  return `${HEAD}${names}\n${body}return{__proto__:null,${tail.members.join(',')}}${TAIL}`;
}

/** What the module exports, as members that are read anew each time, and where its tail begins. */
function exported(bundle: string): { readonly at: number; readonly members: readonly string[] } | null {
  const single = DEFAULT.exec(bundle.slice(-256));
  if (single !== null) {
    const at = bundle.length - single[0].length;
    return { at, members: [`default:${single[1]}`] };
  }
  const list = EXPORTS.exec(bundle.slice(bundle.lastIndexOf('\nexport {\n')));
  if (list === null) return null;
  const members: string[] = [];
  for (const line of list[1]!.trimEnd().split('\n')) {
    const found = EXPORT.exec(line);
    if (found === null) return null;
    const [, local, name = local!] = found;
    members.push(`get ${name.startsWith('"') ? name : JSON.stringify(name)}(){return ${local}}`);
  }
  return { at: bundle.length - list[0].length, members };
}
