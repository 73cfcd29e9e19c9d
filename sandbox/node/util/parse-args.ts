/** `util.parseArgs`: command-line arguments, for functions that are handed some. */
import { checkObject, coded, invalidArgType } from '../errors.ts';

interface Option {
  readonly type: 'string' | 'boolean';
  readonly short?: string;
  readonly multiple?: boolean;
  readonly default?: unknown;
}
interface Config {
  readonly args?: readonly string[];
  readonly options?: Readonly<Record<string, Option>>;
  readonly strict?: boolean;
  readonly allowPositionals?: boolean;
  readonly allowNegative?: boolean;
  readonly tokens?: boolean;
}
type Token =
  | {
      kind: 'option';
      name: string;
      rawName: string;
      index: number;
      value: string | undefined;
      inlineValue: boolean | undefined;
    }
  | { kind: 'positional'; index: number; value: string }
  | { kind: 'option-terminator'; index: number };

const byShort = (options: Readonly<Record<string, Option>>, short: string): string =>
  Object.keys(options).find((name) => options[name]?.short === short) ?? short;

const tokenize = (args: readonly string[], options: Readonly<Record<string, Option>>): Token[] => {
  const tokens: Token[] = [];
  const rest = args.map((value, index) => ({ value, index }));
  const takes = (name: string): boolean => options[name]?.type === 'string';
  const nextIsValue = (): boolean => rest[0] !== undefined;
  while (rest.length > 0) {
    const { value: arg, index } = rest.shift() as { value: string; index: number };
    if (arg === '--') {
      tokens.push({ kind: 'option-terminator', index });
      for (const { value, index: at } of rest.splice(0)) tokens.push({ kind: 'positional', index: at, value });
    } else if (/^-[^-]$/.test(arg)) {
      const name = byShort(options, arg[1] as string);
      const value = takes(name) && nextIsValue() ? rest.shift()?.value : undefined;
      tokens.push({
        kind: 'option',
        name,
        rawName: arg,
        index,
        value,
        inlineValue: value === undefined ? undefined : false,
      });
    } else if (/^-[^-]./.test(arg)) {
      const name = byShort(options, arg[1] as string);
      if (takes(name)) {
        tokens.push({ kind: 'option', name, rawName: `-${arg[1]}`, index, value: arg.slice(2), inlineValue: true });
      } else {
        const more = [`-${arg.slice(2)}`].map((value) => ({ value, index }));
        tokens.push({ kind: 'option', name, rawName: `-${arg[1]}`, index, value: undefined, inlineValue: undefined });
        rest.unshift(...more);
      }
    } else if (/^--[^=]+=/.test(arg)) {
      const at = arg.indexOf('=');
      tokens.push({
        kind: 'option',
        name: arg.slice(2, at),
        rawName: arg.slice(0, at),
        index,
        value: arg.slice(at + 1),
        inlineValue: true,
      });
    } else if (/^--./.test(arg)) {
      const name = arg.slice(2);
      const value = takes(name) && nextIsValue() ? rest.shift()?.value : undefined;
      tokens.push({
        kind: 'option',
        name,
        rawName: arg,
        index,
        value,
        inlineValue: value === undefined ? undefined : false,
      });
    } else tokens.push({ kind: 'positional', index, value: arg });
  }
  return tokens;
};

const check = (token: Extract<Token, { kind: 'option' }>, option: Option | undefined, config: Config): void => {
  const { name, rawName, value } = token;
  if (option === undefined) {
    const hint =
      config.allowPositionals === true
        ? `. To specify a positional argument starting with a '-', place it at the end of the command after '--', as in '-- "${rawName}"`
        : '';
    throw coded(TypeError, 'ERR_PARSE_ARGS_UNKNOWN_OPTION', `Unknown option '${rawName}'${hint}`);
  }
  const shown = option.short === undefined ? `--${name}` : `-${option.short}, --${name}`;
  if (option.type === 'string' && typeof value !== 'string') {
    throw coded(TypeError, 'ERR_PARSE_ARGS_INVALID_OPTION_VALUE', `Option '${shown} <value>' argument missing`);
  }
  if (option.type === 'boolean' && value !== undefined) {
    throw coded(TypeError, 'ERR_PARSE_ARGS_INVALID_OPTION_VALUE', `Option '${shown}' does not take an argument`);
  }
  if (
    option.type === 'string' &&
    token.inlineValue === false &&
    (value as string).length > 1 &&
    (value as string).startsWith('-')
  ) {
    throw coded(
      TypeError,
      'ERR_PARSE_ARGS_INVALID_OPTION_VALUE',
      `Option '${rawName}' argument is ambiguous.\nDid you forget to specify the option argument for '${rawName}'?\nTo specify an option argument starting with a dash use '${rawName.startsWith('--') ? `${rawName}=-XYZ` : `--${name}=-XYZ' or '${rawName}-XYZ`}'.`,
    );
  }
};

export const parseArgs = (
  config: Config = {},
): { values: Record<string, unknown>; positionals: string[]; tokens?: Token[] } => {
  checkObject(config, 'config');
  const { args = [], options = {}, strict = true } = config;
  const allowPositionals = config.allowPositionals ?? !strict;
  for (const [name, option] of Object.entries(options)) {
    if (option.type !== 'string' && option.type !== 'boolean') {
      throw invalidArgType(`options.${name}.type`, ["'string'", "'boolean'"], option.type);
    }
  }
  const tokens = tokenize(args, options);
  const values: Record<string, unknown> = Object.create(null);
  const positionals: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') {
      if (!allowPositionals) {
        throw coded(
          TypeError,
          'ERR_PARSE_ARGS_UNEXPECTED_POSITIONAL',
          `Unexpected argument '${token.value}'. This command does not take positional arguments`,
        );
      }
      positionals.push(token.value);
    }
    if (token.kind !== 'option') continue;
    let { name } = token;
    let value: unknown = token.value ?? true;
    if (
      config.allowNegative === true &&
      token.value === undefined &&
      name.startsWith('no-') &&
      options[name] === undefined
    ) {
      name = name.slice(3);
      value = false;
    }
    const option = options[name];
    if (strict) check({ ...token, name }, option, { ...config, allowPositionals });
    if (option?.multiple === true)
      (values[name] as unknown[] | undefined) = [...((values[name] as unknown[] | undefined) ?? []), value];
    else values[name] = value;
  }
  for (const [name, option] of Object.entries(options)) {
    if (option.default !== undefined && values[name] === undefined) values[name] = option.default;
  }
  return config.tokens === true ? { values, positionals, tokens } : { values, positionals };
};
