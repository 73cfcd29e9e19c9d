/** Words after a command's name → Input. Refuses unknown options (with the nearest known one), values and words too many or too few. */
import { parseArgs } from 'node:util';
import { HostError } from '../contract/errors.ts';
import { didYouMean } from '../contract/nearest.ts';
import { COMMON_OPTIONS, type Command, type Input, type OptionRule } from './command.ts';

const PORTS = { min: 0, max: 65_535 } as const;

/** Throws USAGE. */
export function parseInput(command: Command, args: readonly string[]): Input {
  const rules = { ...command.options, ...COMMON_OPTIONS };
  const known = Object.entries(rules).map(([name, rule]) => [
    name,
    { type: rule.kind === 'flag' ? 'boolean' : 'string' },
  ]);
  const { tokens } = parseArgs({
    args: args.map((arg) => (arg === '-h' ? '--help' : arg)),
    options: Object.fromEntries(known) as Record<string, { type: 'boolean' | 'string' }>,
    strict: false,
    tokens: true,
  });
  const words: string[] = [];
  const values = new Map<string, string | true>();
  const several = new Map<string, string[]>();
  for (const token of tokens) {
    if (token.kind === 'positional') words.push(token.value);
    if (token.kind !== 'option') continue;
    const rule = token.rawName.startsWith('--') && Object.hasOwn(rules, token.name) ? rules[token.name] : undefined;
    if (rule === undefined) throw unknownOption(command, token.rawName, Object.keys(rules));
    if (rule.kind === 'texts') {
      several.set(token.name, [...(several.get(token.name) ?? []), String(optionValue(token, rule, command))]);
      continue;
    }
    if (values.has(token.name)) throw usage(`--${token.name} is given twice; give it once`, command);
    values.set(token.name, optionValue(token, rule, command));
  }
  if (!values.has('help')) checkWords(words, command);
  const text = (name: string): string | undefined => {
    const value = values.get(name);
    return typeof value === 'string' ? value : undefined;
  };
  return {
    words,
    json: values.has('json'),
    flag: (name) => values.has(name),
    text,
    texts: (name) => several.get(name) ?? [],
    number: (name) => (text(name) === undefined ? undefined : Number(text(name))),
  };
}

interface OptionToken {
  readonly name: string;
  readonly value?: string | undefined;
  readonly inlineValue?: boolean | undefined;
}

function optionValue(token: OptionToken, rule: OptionRule, command: Command): string | true {
  const { name, value } = token;
  if (rule.kind === 'flag') {
    if (value !== undefined) throw usage(`--${name} takes no value; leave "${value}" out`, command);
    return true;
  }
  if (value === undefined || (value.startsWith('-') && token.inlineValue !== true)) {
    throw usage(`--${name} needs a value (${rule.value ?? 'TEXT'}); write --${name}=${rule.value ?? 'TEXT'}`, command);
  }
  const { min, max } = rule.kind === 'port' ? PORTS : (rule.range ?? PORTS);
  const isNumber = /^\d{1,5}$/.test(value) && Number(value) >= min && Number(value) <= max;
  if ((rule.kind === 'port' || rule.kind === 'count') && !isNumber) {
    throw usage(`--${name} is "${value}", but must be a whole number from ${min} to ${max}`, command);
  }
  return value;
}

function checkWords(words: readonly string[], command: Command): void {
  const { min, max } = command.words;
  if (words.length < min) throw usage(`"isolane ${command.name}" needs ${command.usage.split(' ')[0]}`, command);
  if (words.length > max) throw usage(`"isolane ${command.name}" does not take "${words[max]}"`, command);
}

function unknownOption(command: Command, name: string, known: readonly string[]): HostError {
  const remedy = didYouMean(name.replace(/^-+/, ''), known, '').replace(/"(.+)"\?$/, '"--$1"?');
  if (remedy !== '') return new HostError('USAGE', `"${name}" is not an option of "isolane ${command.name}"${remedy}`);
  return usage(`"${name}" is not an option of "isolane ${command.name}"`, command);
}

function usage(sentence: string, command: Command): HostError {
  return new HostError('USAGE', `${sentence}; see "isolane help ${command.name}".`);
}
