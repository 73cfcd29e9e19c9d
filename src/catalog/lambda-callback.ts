/**
 * A Lambda handler that takes a callback, as far as the bundle's own text shows it: a function of three plain parameters under
 * the name that is called. What only running it would show is refused when it is loaded (`sandbox/93-lambda.ts`).
 */

/** AWS's words. */
const MESSAGE =
  'Runtime.CallbackHandlerDeprecated: AWS Lambda has removed support for callback-based function handlers starting with Node.js 24; ' +
  'take two parameters and return the result or a promise of it';

const PARAMETERS = String.raw`\([\w$]+, [\w$]+, [\w$]+(?:, [\w$]+)*\)`;
const FUNCTION = String.raw`(?:\/\* @__PURE__ \*\/ __name\()?(?:async )?(?:function(?: [\w$]+)?)?${PARAMETERS}`;

/** `text`: an ES module as esbuild writes it, whose entry is the last of its files. Why it is refused, or `null`. */
export function callbackProblem(text: string, exportName: string): string | null {
  return isExport(text, exportName) || isCommonJs(text, exportName) ? MESSAGE : null;
}

function isExport(text: string, exportName: string): boolean {
  const list = text.slice(text.lastIndexOf('\nexport {'));
  const own = new RegExp(String.raw`^\s*(?:([\w$]+) as )?${literal(exportName)},?$`, 'm').exec(list);
  if (own === null) return false;
  const name = literal(own[1] ?? exportName);
  return new RegExp(String.raw`^(?:(?:async )?function ${name}${PARAMETERS} \{|var ${name} = ${FUNCTION})`, 'm').test(
    text,
  );
}

/** In a wrapper that is handed `exports`: the last one is the entry's. */
function isCommonJs(text: string, exportName: string): boolean {
  if (!/^export default require_[\w$]+\(\);$/m.test(text)) return false;
  const entry = text.slice(text.lastIndexOf('(exports'));
  return new RegExp(String.raw`^ {4}(?:module\.)?exports\.${literal(exportName)} = ${FUNCTION}`, 'm').test(entry);
}

function literal(name: string): string {
  return name.replaceAll('$', String.raw`\$`);
}
