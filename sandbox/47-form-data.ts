/** FormData: an ordered list of names with text or files. */
import {
  defineProperty,
  isObject,
  List,
  NativeTypeError,
  reflectApply,
  SYM_ITERATOR,
  toWellFormed,
} from './00-primordials.ts';
import { enumerable, expose } from './04-globals.ts';
import { pairIterator } from './35-search-params.ts';
import { type Blob, blobBytes, File, isBlob, isFile } from './46-blob.ts';

export interface Entry {
  readonly name: string;
  readonly value: string | File;
}

let entriesOf: (form: FormData) => List<Entry>;
let hasEntries: (value: object) => boolean;
const iterator = pairIterator('FormData Iterator', (self, i) => {
  const entry = entriesOf(self as FormData)[i];
  return entry === undefined ? undefined : [entry.name, entry.value];
});

const entry = (name: unknown, value: unknown, filename: unknown, named: boolean): Entry => {
  const key = toWellFormed(`${name as string}`);
  if (!isBlob(value)) {
    if (named) throw new NativeTypeError('FormData: a file name needs a Blob as value');
    return { name: key, value: toWellFormed(`${value as string}`) };
  }
  if (isFile(value) && !named) return { name: key, value };
  const blob = value as Blob;
  const label = named ? `${filename as string}` : 'blob';
  const file = new File([blobBytes(blob)], label, {
    type: blob.type,
    lastModified: isFile(value) ? value.lastModified : undefined,
  });
  return { name: key, value: file };
};

export class FormData {
  #entries: List<Entry> = new List<Entry>();

  static {
    entriesOf = (form) => form.#entries;
    hasEntries = (value) => #entries in value;
  }

  constructor(form?: unknown) {
    if (form !== undefined)
      throw new NativeTypeError('FormData: there are no forms here; append the entries one by one');
  }
  append(name: unknown, value: unknown, ...rest: unknown[]): void {
    this.#entries.push(entry(name, value, rest[0], rest.length > 0));
  }
  delete(name: unknown): void {
    const key = toWellFormed(`${name as string}`);
    const kept = new List<Entry>();
    for (let i = 0; i < this.#entries.length; i++) {
      const each = this.#entries[i] as Entry;
      if (each.name !== key) kept.push(each);
    }
    this.#entries = kept;
  }
  get(name: unknown): string | File | null {
    const key = toWellFormed(`${name as string}`);
    for (let i = 0; i < this.#entries.length; i++) {
      const each = this.#entries[i] as Entry;
      if (each.name === key) return each.value;
    }
    return null;
  }
  getAll(name: unknown): (string | File)[] {
    const key = toWellFormed(`${name as string}`);
    const found: (string | File)[] = [];
    for (let i = 0; i < this.#entries.length; i++) {
      const each = this.#entries[i] as Entry;
      if (each.name !== key) continue;
      const value = each.value;
      defineProperty(found, found.length, { value, writable: true, enumerable: true, configurable: true });
    }
    return found;
  }
  has(name: unknown): boolean {
    return this.get(name) !== null;
  }
  set(name: unknown, value: unknown, ...rest: unknown[]): void {
    const fresh = entry(name, value, rest[0], rest.length > 0);
    const kept = new List<Entry>();
    let done = false;
    for (let i = 0; i < this.#entries.length; i++) {
      const each = this.#entries[i] as Entry;
      if (each.name !== fresh.name) kept.push(each);
      else if (!done) {
        kept.push(fresh);
        done = true;
      }
    }
    if (!done) kept.push(fresh);
    this.#entries = kept;
  }
  forEach(callback: unknown, self?: unknown): void {
    if (typeof callback !== 'function') throw new NativeTypeError('forEach: the callback must be a function');
    for (let i = 0; i < this.#entries.length; i++) {
      const each = this.#entries[i] as Entry;
      reflectApply(callback as () => void, self, [each.value, each.name, this]);
    }
  }
  keys(): IterableIterator<unknown> {
    this.#entries;
    return iterator(this, 'keys');
  }
  values(): IterableIterator<unknown> {
    this.#entries;
    return iterator(this, 'values');
  }
  entries(): IterableIterator<unknown> {
    this.#entries;
    return iterator(this, 'entries');
  }
}
defineProperty(FormData.prototype, SYM_ITERATOR, {
  value: FormData.prototype.entries,
  writable: true,
  configurable: true,
});
enumerable(FormData.prototype, [
  'append',
  'delete',
  'get',
  'getAll',
  'has',
  'set',
  'forEach',
  'keys',
  'values',
  'entries',
]);
expose('FormData', FormData);

export const isFormData = (value: unknown): value is FormData => isObject(value) && hasEntries(value);
export const formEntries = (form: FormData): List<Entry> => entriesOf(form);
