/** URLs of Blobs: known in the isolate that made them, until they are revoked or the invocation that made them is over. */
import {
  defineProperty,
  indexOf,
  NativeRangeError,
  NativeTypeError,
  SafeMap,
  setPrototypeOf,
  slice,
} from './00-primordials.ts';
import { expose } from './04-globals.ts';
import { current, host, type Invocation, type Resource, topLevel } from './10-box.ts';
import { URL } from './36-url.ts';
import { arity } from './43-webidl.ts';
import { type Blob, isBlob } from './46-blob.ts';

// late: URL

/** They keep their Blobs alive, and a function may forget to revoke them. */
const MOST = 10_000;

class Entry implements Resource {
  readonly url: string;
  readonly blob: Blob;
  readonly inv: Invocation;
  constructor(url: string, blob: Blob, inv: Invocation) {
    this.url = url;
    this.blob = blob;
    this.inv = inv;
  }
  release(): void {
    entries.delete(this.url);
  }
}
setPrototypeOf(Entry.prototype, null);
const entries = new SafeMap<string, Entry>();

const cut = (url: string): string => {
  const at = indexOf(url, '#');
  return at < 0 ? url : slice(url, 0, at);
};

export const blobOfUrl = (url: string): Blob | null => entries.get(cut(url))?.blob ?? null;

const { createObjectURL, revokeObjectURL } = {
  createObjectURL(blob: unknown): string {
    // biome-ignore lint/complexity/noArguments: WebIDL counts the arguments given
    arity(arguments.length, 1, 'URL.createObjectURL');
    if (!isBlob(blob)) throw new NativeTypeError('URL.createObjectURL: the argument is not a Blob');
    if (entries.size >= MOST) {
      throw new NativeRangeError(`More than ${MOST} blob: URLs exist; revoke those that are not needed any more`);
    }
    const entry = new Entry(`blob:null/${host().uuid()}`, blob, current);
    entries.set(entry.url, entry);
    if (current !== topLevel) current.hold(entry);
    return entry.url;
  },
  revokeObjectURL(url: unknown): void {
    // biome-ignore lint/complexity/noArguments: WebIDL counts the arguments given
    arity(arguments.length, 1, 'URL.revokeObjectURL');
    const entry = entries.get(`${url as string}`);
    if (entry === undefined) return;
    entry.release();
    entry.inv.drop(entry);
  },
};
const put = (name: string, value: unknown): void => {
  defineProperty(URL, name, { value, writable: true, enumerable: true, configurable: true });
};
put('createObjectURL', createObjectURL);
put('revokeObjectURL', revokeObjectURL);
expose('URL', URL);
