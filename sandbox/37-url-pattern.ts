/**
 * URLPattern, built on first touch. The host parses and normalises patterns; the regular expressions it answers with run
 * here, inside the turn and its limits.
 */
import {
  defineProperty,
  exec,
  freeze,
  isObject,
  jsonParse,
  NativeRegExp,
  NativeTypeError,
  slice,
  stringify,
  toWellFormed,
} from './00-primordials.ts';
import { enumerable, lengthOf } from './04-globals.ts';
import { host, mustCross } from './10-box.ts';
import { rare } from './13-rare.ts';
import { spansOf } from './34-url-text.ts';
import { parseHref } from './36-url.ts';

interface Compiled {
  readonly pattern: string;
  readonly regexp: string;
  readonly names: readonly string[];
}
interface Component {
  readonly pattern: string;
  readonly regexp: RegExp;
  readonly names: readonly string[];
}
interface Options {
  readonly ignoreCase?: unknown;
}

rare(
  'url-pattern>',
  'URLPattern',
  () => {
    const NAMES = ['protocol', 'username', 'password', 'hostname', 'port', 'pathname', 'search', 'hash'] as const;

    const put = (target: object, key: string, value: unknown): void => {
      defineProperty(target, key, { value, writable: true, enumerable: true, configurable: true });
    };

    /** A text, or the members of a `URLPatternInit`. */
    const readInput = (input: unknown): string | Record<string, string> => {
      if (!isObject(input)) {
        return input === undefined || input === null ? {} : toWellFormed(`${input as string}`);
      }
      const found = {};
      const members = ['baseURL', ...NAMES];
      for (let i = 0; i < members.length; i++) {
        const member = members[i] as string;
        const value = (input as Record<string, unknown>)[member];
        if (value !== undefined) put(found, member, toWellFormed(`${value as string}`));
      }
      return found as Record<string, string>;
    };

    const ask = (op: string, input: unknown, base: string | undefined, ignoreCase: boolean): unknown => {
      const json = stringify({ op, input, base, ignoreCase }) as string;
      mustCross(json.length);
      const answer = host().urlPattern(json);
      return answer === null ? null : jsonParse(answer);
    };

    /** The components of a URL, without the marks between them; `null` when it is none. */
    const partsOf = (text: string, base: string | undefined): readonly string[] | null => {
      const href = parseHref(text, base);
      if (href === null) return null;
      const { scheme, user, userEnd, host: at, hostEnd, path, query, hash } = spansOf(href);
      return [
        slice(href, 0, scheme - 1),
        slice(href, user, userEnd),
        at - userEnd < 2 ? '' : slice(href, userEnd + 1, at - 1),
        slice(href, at, hostEnd),
        hostEnd < path && hostEnd > at ? slice(href, hostEnd + 1, path) : '',
        slice(href, path, query),
        slice(href, query + 1, hash),
        slice(href, hash + 1),
      ];
    };

    class URLPattern {
      readonly #components: readonly Component[];
      readonly #groups: boolean;

      constructor(input?: unknown, baseOrOptions?: unknown, options?: Options | null) {
        const given = readInput(input);
        const second = isObject(baseOrOptions) || baseOrOptions === undefined || baseOrOptions === null;
        const base = second ? undefined : toWellFormed(`${baseOrOptions as string}`);
        const chosen = (second ? baseOrOptions : options) as Options | null | undefined;
        if (base !== undefined && typeof given !== 'string') {
          throw new NativeTypeError('URLPattern: a base beside a dictionary belongs into its baseURL');
        }
        const ignoreCase = !!chosen?.ignoreCase;
        const answer = ask('make', given, base, ignoreCase) as { compiled: Compiled[]; groups: boolean } | null;
        if (answer === null) throw new NativeTypeError('URLPattern: the pattern is not valid');
        const components: Component[] = [];
        for (let i = 0; i < NAMES.length; i++) {
          const { pattern, regexp, names } = answer.compiled[i] as Compiled;
          put(components, `${i}`, { pattern, regexp: new NativeRegExp(regexp, ignoreCase ? 'vi' : 'v'), names });
        }
        this.#components = freeze(components);
        this.#groups = answer.groups;
      }

      #part(at: number): string {
        return (this.#components[at] as Component).pattern;
      }
      get protocol(): string {
        return this.#part(0);
      }
      get username(): string {
        return this.#part(1);
      }
      get password(): string {
        return this.#part(2);
      }
      get hostname(): string {
        return this.#part(3);
      }
      get port(): string {
        return this.#part(4);
      }
      get pathname(): string {
        return this.#part(5);
      }
      get search(): string {
        return this.#part(6);
      }
      get hash(): string {
        return this.#part(7);
      }
      get hasRegExpGroups(): boolean {
        return this.#groups;
      }

      #match(given: string | Record<string, string>, base: string | undefined, found: object | null): boolean {
        if (base !== undefined && typeof given !== 'string') {
          throw new NativeTypeError('URLPattern: a base beside a dictionary belongs into its baseURL');
        }
        const parts =
          typeof given === 'string' ? partsOf(given, base) : (ask('input', given, undefined, false) as string[] | null);
        if (parts === null) return false;
        for (let i = 0; i < NAMES.length; i++) {
          const { regexp, names } = this.#components[i] as Component;
          const input = parts[i] as string;
          const match = exec(regexp, input);
          if (match === null) return false;
          if (found === null) continue;
          const groups = {};
          for (let j = 0; j < names.length; j++) put(groups, names[j] as string, match[j + 1]);
          put(found, NAMES[i] as string, { input, groups });
        }
        return true;
      }

      test(input?: unknown, base?: unknown): boolean {
        return this.#match(readInput(input), base === undefined ? undefined : `${base as string}`, null);
      }

      exec(input?: unknown, base?: unknown): object | null {
        const given = readInput(input);
        const from = base === undefined ? undefined : `${base as string}`;
        const found = { inputs: from === undefined ? [given] : [given, from] };
        return this.#match(given, from, found) ? found : null;
      }
    }
    enumerable(URLPattern.prototype, [...NAMES, 'hasRegExpGroups', 'exec', 'test']);
    lengthOf(URLPattern, 0);
    lengthOf(URLPattern.prototype.test, 0);
    lengthOf(URLPattern.prototype.exec, 0);
    return { URLPattern };
  },
  '<url-pattern',
);
