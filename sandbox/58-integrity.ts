/** Subresource integrity: whether bytes have one of the digests that `integrity` names, the strongest kind counting. */
import { indexOf, List, slice, toLowerCase } from './00-primordials.ts';
import { host } from './10-box.ts';
import { rare } from './13-rare.ts';
import { utf8Encode } from './30-encoding.ts';
import { base64Decode } from './57-data-url.ts';

const late = rare(
  'integrity>',
  '',
  () => {
    const KINDS = ['sha256', 'sha384', 'sha512'] as const;

    const same = (a: Uint8Array, b: Uint8Array): boolean => {
      if (a.length !== b.length) return false;
      for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
      return true;
    };

    const isIntact = (bytes: Uint8Array, integrity: string): boolean => {
      let kind = -1;
      /** Those of weaker kinds have other lengths: they match nothing. */
      const wanted = new List<Uint8Array>();
      let at = 0;
      while (at < integrity.length) {
        let end = indexOf(integrity, ' ', at);
        if (end < 0) end = integrity.length;
        const dash = indexOf(integrity, '-', at);
        const algorithm = dash < 0 || dash > end ? '' : toLowerCase(slice(integrity, at, dash));
        const options = indexOf(integrity, '?', at);
        const digest = slice(integrity, dash + 1, options >= 0 && options < end ? options : end);
        at = end + 1;
        for (let i = 0; i < KINDS.length; i++) {
          if (KINDS[i] !== algorithm || i < kind) continue;
          const value = base64Decode(utf8Encode(standardBase64(digest)));
          if (value === null) continue;
          kind = i;
          wanted.push(value);
        }
      }
      if (kind < 0) return true;
      const digest = host().nodeCrypto(0, false, 'hash', `{"algorithm":"${KINDS[kind] as string}","data":0}`, bytes);
      for (let i = 0; i < wanted.length; i++) if (same(digest as Uint8Array, wanted[i] as Uint8Array)) return true;
      return false;
    };

    const standardBase64 = (text: string): string => {
      let out = '';
      for (let i = 0; i < text.length; i++) out += text[i] === '-' ? '+' : text[i] === '_' ? '/' : (text[i] as string);
      return out;
    };

    return { isIntact };
  },
  '<integrity',
);

/** True also when it names nothing that is known, as browsers have it. */
export const isIntact = (bytes: Uint8Array, integrity: string): boolean => late().isIntact(bytes, integrity);
