/**
 * JSON with comments and trailing commas → plain values on null prototypes, so that no key of the file can reach
 * `Object.prototype`. Refuses what a parser would forgive silently: duplicate keys, `__proto__`, depth without end.
 */
import { createScanner, type Node, parseTree, printParseErrorCode } from 'jsonc-parser';
import { HostError } from '../contract/errors.ts';
import { type KeyPath, pathText } from './problems.ts';

const MAX_CHARACTERS = 4 * 1024 * 1024;
const MAX_DEPTH = 32;

const EXPECTED: Readonly<Record<string, string>> = {
  InvalidSymbol: 'a value (text in double quotes, a number, true, false, null, a list or an object) was expected',
  InvalidNumberFormat: 'a number was expected',
  PropertyNameExpected: 'a key in double quotes was expected',
  ValueExpected: 'a value was expected',
  ColonExpected: 'a colon was expected',
  CommaExpected: 'a comma was expected',
  CloseBraceExpected: 'a closing "}" was expected',
  CloseBracketExpected: 'a closing "]" was expected',
  EndOfFileExpected: 'the end of the file was expected',
  InvalidCommentToken: 'a comment was not expected here',
  UnexpectedEndOfComment: 'the end of the comment, "*/", was expected',
  UnexpectedEndOfString: 'a closing double quote was expected',
  UnexpectedEndOfNumber: 'a digit was expected',
  InvalidUnicode: 'four hexadecimal digits were expected after "\\u"',
  InvalidEscapeCharacter: 'an escape such as "\\n" or "\\\\" was expected',
  InvalidCharacter: 'a control character was found where text was expected; write it as an escape',
};

/** Throws CONFIG_INVALID with `file:line:column` on the first thing that is not JSON with comments. */
export function parseJsonc(source: string, file: string): unknown {
  const text = source.startsWith('\uFEFF') ? source.slice(1) : source;
  const at = (offset: number): string => `${file}:${position(text, offset)}`;
  if (text.length > MAX_CHARACTERS) {
    throw invalid(`${file} is larger than ${MAX_CHARACTERS} characters; a configuration that long is not read.`);
  }
  refuseDepth(text, at);
  const errors: { error: number; offset: number; length: number }[] = [];
  const tree = parseTree(text, errors, { allowTrailingComma: true });
  const [first] = errors;
  if (first !== undefined) {
    const [code = '', next] = errors.map(({ error }) => printParseErrorCode(error));
    // An unquoted key is reported twice, and the second report is the helpful one.
    const told = code === 'InvalidSymbol' && next === 'PropertyNameExpected' ? next : code;
    const expected = EXPECTED[told] ?? 'something else was expected';
    throw invalid(`${at(first.offset)}: ${expected}.`);
  }
  if (tree === undefined) throw invalid(`${file} is empty; "isolane init" writes a configuration to begin with.`);
  return plain(tree, [], at);
}

function plain(node: Node, path: KeyPath, at: (offset: number) => string): unknown {
  if (node.type === 'array') return (node.children ?? []).map((child, index) => plain(child, [...path, index], at));
  if (node.type !== 'object') return node.value;
  const result: Record<string, unknown> = Object.create(null);
  for (const property of node.children ?? []) {
    const [key, value] = property.children ?? [];
    if (key === undefined || value === undefined) continue;
    const name = String(key.value);
    const here = [...path, name];
    if (name === '__proto__') throw invalid(`${at(key.offset)}: ${pathText(here)} is not a usable key; rename it.`);
    if (Object.hasOwn(result, name)) {
      throw invalid(`${at(key.offset)}: ${pathText(here)} is written twice; keep one of them.`);
    }
    result[name] = plain(value, here, at);
  }
  return result;
}

/** The parser recurses: a hostile file must not choose how deep. */
function refuseDepth(text: string, at: (offset: number) => string): void {
  const scanner = createScanner(text, true);
  let depth = 0;
  for (let kind: number = scanner.scan(); kind !== END_OF_FILE; kind = scanner.scan()) {
    if (kind === OPEN_BRACE || kind === OPEN_BRACKET) depth++;
    else if (kind === CLOSE_BRACE || kind === CLOSE_BRACKET) depth--;
    if (depth > MAX_DEPTH) {
      throw invalid(`${at(scanner.getTokenOffset())}: this is nested more than ${MAX_DEPTH} levels deep; flatten it.`);
    }
  }
}

// SyntaxKind of jsonc-parser: an ambient const enum, which type stripping cannot inline.
const OPEN_BRACE = 1;
const CLOSE_BRACE = 2;
const OPEN_BRACKET = 3;
const CLOSE_BRACKET = 4;
const END_OF_FILE = 17;

/** `line:column`, both from 1. */
function position(text: string, offset: number): string {
  const before = text.slice(0, offset).split(/\r\n|\n|\r/);
  return `${before.length}:${(before.at(-1) ?? '').length + 1}`;
}

function invalid(message: string): HostError {
  return new HostError('CONFIG_INVALID', message);
}
