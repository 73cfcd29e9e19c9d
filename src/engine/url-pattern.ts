/**
 * URLPattern for guests. Node's own parses and normalises; its normalised components are turned into the texts of regular
 * expressions here, so that only compiling happens in the host: matching runs in the guest, under its limits.
 */

/** Most characters of one pattern or input. */
const MOST = 16_384;
export const COMPONENTS = [
  'protocol',
  'username',
  'password',
  'hostname',
  'port',
  'pathname',
  'search',
  'hash',
] as const;
type Component = (typeof COMPONENTS)[number];

/** What a guest asks: a pattern to be made, or an input to be taken apart. */
interface Asked {
  readonly op: 'make' | 'input';
  /** A text, or members of a dictionary. */
  readonly input: string | Readonly<Record<string, string>>;
  readonly base?: string;
  readonly ignoreCase?: boolean;
}

interface Compiled {
  readonly pattern: string;
  readonly regexp: string;
  readonly names: readonly string[];
}

interface Options {
  readonly delimiter: string;
  readonly prefix: string;
}

type TokenKind = 'char' | 'escaped' | 'name' | 'regexp' | 'asterisk' | 'modifier' | 'open' | 'close' | 'end';
interface Token {
  readonly kind: TokenKind;
  readonly value: string;
}

const NAME_START = /[\p{ID_Start}_$]/u;
const NAME_PART = /[\p{ID_Continue}$\u200c\u200d]/u;
const SINGLE: Readonly<Record<string, TokenKind>> = {
  '*': 'asterisk',
  '+': 'modifier',
  '?': 'modifier',
  '{': 'open',
  '}': 'close',
};

const refuse = (): never => {
  throw new TypeError('not a pattern');
};

/** The end of a group in parentheses that opens at `at`. */
function groupEnd(chars: readonly string[], at: number): number {
  let depth = 1;
  for (let i = at + 1; i < chars.length; i++) {
    const c = chars[i]!;
    if (c === '\\') i++;
    else if (c === '(') depth++;
    else if (c === ')' && --depth === 0) return i;
  }
  return refuse();
}

function tokenize(pattern: string): readonly Token[] {
  const chars = [...pattern];
  const tokens: Token[] = [];
  for (let i = 0; i < chars.length; i++) {
    const c = chars[i]!;
    const single = SINGLE[c];
    if (single !== undefined) tokens.push({ kind: single, value: c });
    else if (c === '\\') tokens.push({ kind: 'escaped', value: chars[++i] ?? refuse() });
    else if (c === '(') {
      const end = groupEnd(chars, i);
      tokens.push({ kind: 'regexp', value: chars.slice(i + 1, end).join('') });
      i = end;
    } else if (c === ':' && NAME_START.test(chars[i + 1] ?? '')) {
      let end = i + 2;
      while (end < chars.length && NAME_PART.test(chars[end]!)) end++;
      tokens.push({ kind: 'name', value: chars.slice(i + 1, end).join('') });
      i = end - 1;
    } else tokens.push({ kind: 'char', value: c });
  }
  tokens.push({ kind: 'end', value: '' });
  return tokens;
}

const literal = (text: string): string => text.replace(/[.+*?^${}()[\]|/\\]/g, '\\$&');

/** One pass over the tokens of a component, after the standard's "parse a pattern string" and "generate a regular expression". */
class Compiler {
  readonly #tokens: readonly Token[];
  readonly #options: Options;
  readonly #segment: string;
  #at = 0;
  #fixed = '';
  #number = 0;
  #regexp = '^';
  readonly #names: string[] = [];

  constructor(pattern: string, options: Options) {
    this.#tokens = tokenize(pattern);
    this.#options = options;
    this.#segment = `[^${literal(options.delimiter)}]+?`;
  }

  #take(...kinds: TokenKind[]): Token | null {
    const token = this.#tokens[this.#at]!;
    if (!kinds.includes(token.kind)) return null;
    this.#at++;
    return token;
  }

  #text(): string {
    let text = '';
    for (let token = this.#take('char', 'escaped'); token !== null; token = this.#take('char', 'escaped')) {
      text += token.value;
    }
    return text;
  }

  #flush(): void {
    this.#regexp += literal(this.#fixed);
    this.#fixed = '';
  }

  #matcher(name: Token | null): Token | null {
    return this.#take('regexp') ?? (name === null ? this.#take('asterisk') : null);
  }

  #part(prefix: string, name: Token | null, matcher: Token | null, suffix: string): void {
    const modifier = this.#take('modifier', 'asterisk')?.value ?? '';
    if (name === null && matcher === null && modifier === '') {
      this.#fixed += prefix;
      return;
    }
    this.#flush();
    if (name === null && matcher === null) {
      if (prefix !== '') this.#regexp += `(?:${literal(prefix)})${modifier}`;
      return;
    }
    const value = matcher === null ? this.#segment : matcher.kind === 'asterisk' ? '.*' : matcher.value;
    this.#names.push(name?.value ?? String(this.#number++));
    const before = literal(prefix);
    const after = literal(suffix);
    const many = modifier === '*' || modifier === '+';
    if (prefix === '' && suffix === '') this.#regexp += many ? `((?:${value})${modifier})` : `(${value})${modifier}`;
    else if (!many) this.#regexp += `(?:${before}(${value})${after})${modifier}`;
    else {
      const again = `(?:${after}${before}(?:${value}))*`;
      this.#regexp += `(?:${before}((?:${value})${again})${after})${modifier === '*' ? '?' : ''}`;
    }
  }

  compile(pattern: string): Compiled {
    for (;;) {
      const char = this.#take('char');
      const name = this.#take('name');
      const matcher = this.#matcher(name);
      if (name !== null || matcher !== null) {
        const given = char?.value ?? '';
        const own = given === this.#options.prefix;
        if (!own) this.#fixed += given;
        this.#flush();
        this.#part(own ? given : '', name, matcher, '');
        continue;
      }
      const fixed = char ?? this.#take('escaped');
      if (fixed !== null) {
        this.#fixed += fixed.value;
        continue;
      }
      if (this.#take('open') !== null) {
        const prefix = this.#text();
        const inner = this.#take('name');
        const within = this.#matcher(inner);
        const suffix = this.#text();
        if (this.#take('close') === null) refuse();
        this.#part(prefix, inner, within, suffix);
        continue;
      }
      this.#flush();
      if (this.#take('end') === null) refuse();
      return { pattern, regexp: `${this.#regexp}$`, names: this.#names };
    }
  }
}

/** Longest pattern of a protocol: of six special schemes it is asked whether it fits, and that many ways to fit are few. */
const MOST_PROTOCOL = 32;
/** Words and alternatives. */
const MILD = /^(\?:)?[\w*+.-]+(\|[\w*+.-]+)*$/;

/** What a pattern in one text says about the protocol; all of it when there is no saying. */
function protocolOf(pattern: string): string {
  const chars = [...pattern];
  let depth = 0;
  for (let i = 0; i < chars.length; i++) {
    const c = chars[i]!;
    const escaped = c === '\\';
    if (c === '{') depth++;
    else if (c === '}') depth--;
    else if (c === '(') i = groupEnd(chars, i);
    else if (depth === 0 && (c === ':' ? !NAME_START.test(chars[i + 1] ?? '') : escaped && chars[i + 1] === ':')) {
      return chars.slice(0, i).join('');
    }
    if (escaped) i++;
  }
  return '';
}

/** Node's parser runs a protocol's expression as the pattern is made, where nothing could end it: it has to be harmless. */
function assertMild(protocol: string): void {
  const chars = [...protocol];
  if (chars.length > MOST_PROTOCOL) refuse();
  for (let i = 0; i < chars.length; i++) {
    if (chars[i] === '\\') i++;
    else if (chars[i] === '(') {
      const end = groupEnd(chars, i);
      if (!MILD.test(chars.slice(i + 1, end).join(''))) refuse();
      i = end;
    }
  }
}

const PLAIN: Options = { delimiter: '', prefix: '' };
const HOST: Options = { delimiter: '.', prefix: '' };
const PATH: Options = { delimiter: '/', prefix: '/' };
const SPECIAL = ['http', 'https', 'ws', 'wss', 'ftp', 'file'];

/** Whether a protocol's pattern fits a special scheme is asked of Node's own, over these few words. */
function optionsOf(component: Component, pattern: URLPattern): Options {
  if (component === 'hostname') return HOST;
  if (component !== 'pathname') return PLAIN;
  const { protocol } = pattern;
  if (protocol === '*' || SPECIAL.includes(protocol)) return PATH;
  const alone = new URLPattern({ protocol });
  return SPECIAL.some((word) => alone.test({ protocol: word })) ? PATH : PLAIN;
}

function make({ input, base, ignoreCase }: Asked): string {
  assertMild(typeof input === 'string' ? protocolOf(input) : (input['protocol'] ?? ''));
  const options = { ignoreCase: ignoreCase === true };
  const pattern = base === undefined ? new URLPattern(input, options) : new URLPattern(input, base, options);
  const compiled = COMPONENTS.map((component) =>
    new Compiler(pattern[component], optionsOf(component, pattern)).compile(pattern[component]),
  );
  return JSON.stringify({ compiled, groups: pattern.hasRegExpGroups });
}

/** Everything fits it, so that its answer tells an input's components. */
const ANYTHING = new URLPattern({});

function takeApart({ input, base }: Asked): string | null {
  const found = base === undefined ? ANYTHING.exec(input) : ANYTHING.exec(input, base);
  return found === null ? null : JSON.stringify(COMPONENTS.map((component) => found[component].input));
}

/** Throws where the guest's input is at fault. */
export function urlPattern(json: string): string | null {
  if (json.length > MOST) return null;
  const asked = JSON.parse(json) as Asked;
  return asked.op === 'make' ? make(asked) : takeApart(asked);
}
