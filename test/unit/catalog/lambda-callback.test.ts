/** Callback-style Lambda handlers are refused when they are bundled, where the text shows them; nothing else is. */
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { bundle } from '../../../src/catalog/bundle.ts';
import { Project } from '../config/project.ts';
import { spec } from './spec.ts';

let project: Project;
afterEach(() => project.remove());

async function problemOf(file: string, text: string, exportName: string): Promise<string | null> {
  project = new Project({ [file]: text });
  const handler = { kind: 'lambda', exportName } as const;
  const one = spec('f', join(project.directory, file), { handler });
  return bundle(one, project.directory).then(
    () => null,
    (error: Error) => error.message,
  );
}

describe('refused', () => {
  it.each([
    [
      'a.ts',
      'export const handler = async (event: object, context: object, callback: () => void) => callback();',
      'handler',
    ],
    [
      'a.ts',
      'export function handler(event: object, context: object, callback: () => void) { callback(); }',
      'handler',
    ],
    ['a.ts', 'export async function main(a: object, b: object, c: () => void) { c(); }', 'main'],
    [
      'a.ts',
      'const own = function (a: object, b: object, c: () => void) { c(); };\nexport { own as handler };',
      'handler',
    ],
    ['a.js', 'exports.handler = function (event, context, callback) { callback(); };', 'handler'],
    ['a.js', 'module.exports.handler = (event, context, callback) => { callback(); };', 'handler'],
  ])('%s: %s', async (file, text, name) => {
    expect(await problemOf(file, text, name)).toMatch(
      /^function "f" cannot be bundled: Runtime\.CallbackHandlerDeprecated: .* take two parameters/,
    );
  });
});

describe('taken', () => {
  it.each([
    ['a.ts', 'export const handler = async (event: object, context: object) => [event, context];', 'handler'],
    ['a.ts', 'export const other = (a: 1, b: 2, c: 3) => [a, b, c];\nexport const handler = () => 1;', 'handler'],
    ['a.ts', 'export const handler = (a: 1, b: 2, c = 3) => [a, b, c];', 'handler'],
    ['a.ts', 'const handler = (a: 1, b: 2, c: 3) => [a, b, c];\nexport const main = () => handler;', 'main'],
    [
      'a.ts',
      "// export const handler = (a, b, c) => 1\nexport const handler = () => 'handler = (a, b, c) => 1';",
      'handler',
    ],
    ['a.ts', 'export const handler = awslambda.streamifyResponse((a: 1, b: 2, c: 3) => [a, b, c]);', 'handler'],
    ['a.js', 'exports.other = (a, b, c) => 1; exports.handler = (a, b) => 1;', 'handler'],
  ])('%s: %s', async (file, text, name) => {
    expect(await problemOf(file, text, name)).toBeNull();
  });
});
