// biome-ignore-all lint/complexity/noArguments: WebIDL counts the arguments given
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
import { enumerable } from './04-globals.ts';
import { rare } from './13-rare.ts';
import { pairIterator } from './33-pairs.ts';
import { arity, callback } from './43-webidl.ts';
import { File, isBlob, isFile } from './46-blob.ts';

export interface Entry {
  readonly name: string;
  readonly value: string | File;
}

/** As much of it as the runtime itself calls. */
export interface FormData {
  get(name: unknown): string | File | null;
}

let entriesOf: (form: FormData) => List<Entry>;
let hasEntries: ((value: object) => boolean) | null = null;

const built = rare(
  'form-data>',
  'FormData',
  (): { FormData: new () => FormData } => {
    const text = (value: unknown): string => toWellFormed(`${value as string}`);

    /** `given`: how many arguments there were; three mean that the value has to be a Blob. */
    const entry = (given: number, name: unknown, value: unknown, filename: unknown): Entry => {
      const key = text(name);
      if (!isBlob(value)) {
        if (given > 2) throw new NativeTypeError('FormData: a file name needs a Blob as value');
        return { name: key, value: text(value) };
      }
      const named = given > 2 && filename !== undefined;
      if (isFile(value) && !named) return { name: key, value };
      const file = new File([value], named ? text(filename) : 'blob', {
        type: value.type,
        lastModified: isFile(value) ? value.lastModified : undefined,
      });
      return { name: key, value: file };
    };

    const iterator = pairIterator('FormData Iterator', (self, i) => {
      const found = entriesOf(self as FormData)[i];
      return found === undefined ? undefined : [found.name, found.value];
    });

    class Form {
      #entries: List<Entry> = new List<Entry>();

      static {
        entriesOf = (form) => (form as Form).#entries;
        hasEntries = (value) => #entries in value;
      }

      constructor(form: unknown = undefined, submitter?: unknown) {
        if (form !== undefined || (submitter !== undefined && submitter !== null))
          throw new NativeTypeError('FormData: there are no forms here; append the entries one by one');
      }
      append(name: unknown, value: unknown, ...rest: unknown[]): void {
        const entries = this.#entries;
        arity(arguments.length, 2, 'FormData.append');
        entries.push(entry(arguments.length, name, value, rest[0]));
      }
      delete(name: unknown): void {
        this.#entries;
        arity(arguments.length, 1, 'FormData.delete');
        const key = text(name);
        const kept = new List<Entry>();
        for (let i = 0; i < this.#entries.length; i++) {
          const each = this.#entries[i] as Entry;
          if (each.name !== key) kept.push(each);
        }
        this.#entries = kept;
      }
      get(name: unknown): string | File | null {
        this.#entries;
        arity(arguments.length, 1, 'FormData.get');
        return this.#find(text(name))?.value ?? null;
      }
      getAll(name: unknown): (string | File)[] {
        this.#entries;
        arity(arguments.length, 1, 'FormData.getAll');
        const key = text(name);
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
        this.#entries;
        arity(arguments.length, 1, 'FormData.has');
        return this.#find(text(name)) !== null;
      }
      set(name: unknown, value: unknown, ...rest: unknown[]): void {
        this.#entries;
        arity(arguments.length, 2, 'FormData.set');
        const fresh = entry(arguments.length, name, value, rest[0]);
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
      forEach(run: unknown, self: unknown = undefined): void {
        this.#entries;
        const each = callback(run, 'FormData.forEach');
        for (let i = 0; i < this.#entries.length; i++) {
          const found = this.#entries[i] as Entry;
          reflectApply(each, self, [found.value, found.name, this]);
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
      #find(key: string): Entry | null {
        for (let i = 0; i < this.#entries.length; i++) {
          const each = this.#entries[i] as Entry;
          if (each.name === key) return each;
        }
        return null;
      }
    }
    const { entries } = Form.prototype;
    defineProperty(Form.prototype, SYM_ITERATOR, { value: entries, writable: true, configurable: true });
    enumerable(Form.prototype, [
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
    return { FormData: Form };
  },
  '<form-data',
);

export const newFormData = (): FormData => new (built().FormData)();
/** Asks for no class that nobody made anything of. */
export const isFormData = (value: unknown): value is FormData => isObject(value) && hasEntries?.(value) === true;
export const formEntries = (form: FormData): List<Entry> => entriesOf(form);
