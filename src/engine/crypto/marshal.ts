/**
 * Arguments and results of cryptography as they cross: JSON in which bytes are indices of binary chunks and keys are
 * numbers of the isolate's key table. What comes from a guest is hostile: only the forms below are read, names are
 * never looked up on an object with a prototype, and nothing that is no plain data ever goes back.
 */
import type { webcrypto } from 'node:crypto';
import type { Keys } from './keys.ts';

export type CryptoKey = webcrypto.CryptoKey;

/** It ends in the guest as an exception of that name; the sentence is ours. */
export class Refusal extends Error {
  constructor(name: string, message: string) {
    super(message);
    this.name = name;
  }
}

const DEEPEST = 6;
const MOST_ITEMS = 1024;

type Fields = Readonly<Record<string, unknown>>;
export type Dictionary = Record<string, unknown>;

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The arguments of one call. Throws `Refusal`. */
export function readArguments(json: string, bytes: readonly Uint8Array[], keys: Keys, inv: number): unknown[] {
  const list: unknown = JSON.parse(json);
  if (!Array.isArray(list) || list.length > 8) throw new Refusal('OperationError', 'the arguments do not fit');
  return list.map((one) => read(one, { bytes, keys, inv }, 0));
}

interface Source {
  readonly bytes: readonly Uint8Array[];
  readonly keys: Keys;
  readonly inv: number;
}

function read(value: unknown, source: Source, depth: number): unknown {
  if (value === null || typeof value !== 'object') return value;
  if (depth > DEEPEST || !isFields(value)) throw new Refusal('OperationError', 'the arguments do not fit');
  const form = Object.keys(value)[0] ?? '';
  const content = value[form];
  switch (form) {
    case 'b':
      return chunk(content, source);
    case 'v': {
      const view = chunk(content, source);
      return view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength);
    }
    case 'k':
      return source.keys.get(content, source.inv);
    case 'n':
      return Number(content);
    case 'd':
      return readDictionary(content, source, depth);
    case 'l':
      if (!Array.isArray(content) || content.length > MOST_ITEMS)
        throw new Refusal('OperationError', 'a list is too long');
      return content.map((one) => read(one, source, depth + 1));
    case 'u':
      return undefined;
    default:
      return {};
  }
}

function chunk(index: unknown, { bytes }: Source): Uint8Array {
  const found = typeof index === 'number' ? bytes[index] : undefined;
  if (found === undefined) throw new Refusal('OperationError', 'the arguments do not fit');
  return found;
}

function readDictionary(content: unknown, source: Source, depth: number): Dictionary {
  const out = Object.create(null) as Dictionary;
  if (!isFields(content)) return out;
  const names = Object.keys(content);
  if (names.length > 64) throw new Refusal('OperationError', 'a dictionary has too many members');
  for (const name of names) out[name] = read(content[name], source, depth + 1);
  return out;
}

/** A result as JSON, with the chunks it refers to. New keys get their numbers from `keys`. */
export function writeResult(
  value: unknown,
  put: (key: CryptoKey) => number,
): { readonly json: string; readonly chunks: Uint8Array[] } {
  const chunks: Uint8Array[] = [];
  return { json: JSON.stringify(write(value, put, chunks)), chunks };
}

function write(value: unknown, put: (key: CryptoKey) => number, chunks: Uint8Array[]): unknown {
  if (value === null || typeof value === 'string' || typeof value === 'boolean' || typeof value === 'number') {
    return value;
  }
  if (typeof value !== 'object') return { u: 1 };
  if (value instanceof ArrayBuffer) return { b: chunks.push(new Uint8Array(value)) - 1 };
  if (isKey(value)) return { k: described(value, put(value)) };
  if (Array.isArray(value)) return { l: value.map((one) => write(one, put, chunks)) };
  return {
    d: Object.fromEntries(Object.entries(value).map(([name, one]) => [name, write(one, put, chunks)])),
  };
}

export const isKey = (value: unknown): value is CryptoKey => value instanceof CryptoKey;

function described(key: CryptoKey, id: number): unknown {
  const { type, extractable, usages } = key;
  return [id, type, extractable, plain(key.algorithm), usages];
}

function plain(algorithm: object): unknown {
  return Object.fromEntries(
    Object.entries(algorithm).map(([name, value]: [string, unknown]) => {
      if (value instanceof Uint8Array) return [name, { a: [...value] }];
      return [name, typeof value === 'object' && value !== null ? { d: value } : value];
    }),
  );
}
