/** multipart/form-data in both directions, over bytes: no decoding of what is a file. */
import { indexOf, List, mathMax, NativeTypeError, slice, toLowerCase, typedIndexOf, U8 } from './00-primordials.ts';
import { copyBytes, host, joinBytes } from './10-box.ts';
import { rare } from './13-rare.ts';
import { utf8Decode, utf8Encode } from './30-encoding.ts';
import { type Mime, mimeParam, trimHttp } from './44-mime.ts';
import { type Blob, blobBytes, File } from './46-blob.ts';
import { type Entry, type FormData, formEntries, newFormData } from './47-form-data.ts';

const late = rare(
  'multipart>',
  '',
  () => {
    /** Names and file names: quotes and line ends percent-encoded, as browsers do. */
    const escapeName = (text: string): string => {
      let out = '';
      for (let i = 0; i < text.length; i++) {
        const c = text[i] as string;
        out += c === '"' ? '%22' : c === '\r' ? '%0D' : c === '\n' ? '%0A' : c;
      }
      return out;
    };

    const crlf = (text: string): string => {
      if (indexOf(text, '\r') < 0 && indexOf(text, '\n') < 0) return text;
      let out = '';
      for (let i = 0; i < text.length; i++) {
        const c = text[i] as string;
        if (c === '\r') {
          if (text[i + 1] === '\n') i++;
          out += '\r\n';
        } else out += c === '\n' ? '\r\n' : c;
      }
      return out;
    };

    const writeMultipart = (form: FormData): { bytes: Uint8Array; type: string } => {
      const boundary = `----isolane${slice(host().uuid(), 0, 8)}${slice(host().uuid(), 24)}`;
      const entries = formEntries(form);
      const parts = new List<Uint8Array>();
      let total = 0;
      const add = (bytes: Uint8Array): void => {
        parts.push(bytes);
        total += bytes.length;
      };
      for (let i = 0; i < entries.length; i++) {
        const { name, value } = entries[i] as Entry;
        let head = `--${boundary}\r\nContent-Disposition: form-data; name="${escapeName(crlf(name))}"`;
        if (typeof value === 'string') add(utf8Encode(`${head}\r\n\r\n${crlf(value)}\r\n`));
        else {
          const file = value as File & Blob;
          head += `; filename="${escapeName(file.name)}"\r\nContent-Type: ${file.type || 'application/octet-stream'}\r\n\r\n`;
          add(utf8Encode(head));
          add(blobBytes(file));
          add(utf8Encode('\r\n'));
        }
      }
      add(utf8Encode(`--${boundary}--\r\n`));
      return { bytes: joinBytes(parts, total), type: `multipart/form-data; boundary=${boundary}` };
    };

    const find = (bytes: Uint8Array, what: Uint8Array, from: number): number => {
      const last = bytes.length - what.length;
      const first = what[0] as number;
      outer: for (
        let i = typedIndexOf(bytes, first, from);
        i >= 0 && i <= last;
        i = typedIndexOf(bytes, first, i + 1)
      ) {
        for (let j = 1; j < what.length; j++) if (bytes[i + j] !== what[j]) continue outer;
        return i;
      }
      return -1;
    };

    /**
     * A parameter of a part's content-disposition, after the HTML standard: within quotes a backslash is only a backslash,
     * and quotes and line ends are percent-encoded.
     */
    const parameter = (header: string, name: string): string | null => {
      let at = indexOf(header, ';');
      while (at >= 0 && at < header.length) {
        const equals = indexOf(header, '=', at);
        if (equals < 0) return null;
        const key = toLowerCase(trimHttp(slice(header, at + 1, equals)));
        let value = '';
        let i = equals + 1;
        while (header[i] === ' ' || header[i] === '\t') i++;
        if (header[i] === '"') {
          let end = indexOf(header, '"', i + 1);
          if (end < 0) end = header.length;
          value = unescapeName(slice(header, i + 1, end));
          at = indexOf(header, ';', end);
        } else {
          at = indexOf(header, ';', i);
          value = trimHttp(slice(header, i, at < 0 ? header.length : at));
        }
        if (key === name) return value;
      }
      return null;
    };

    const unescapeName = (text: string): string => {
      if (indexOf(text, '%') < 0) return text;
      let out = '';
      for (let i = 0; i < text.length; i++) {
        const three = text[i] === '%' ? slice(text, i, i + 3) : '';
        if (three === '%22') out += '"';
        else if (three === '%0D') out += '\r';
        else if (three === '%0A') out += '\n';
        else {
          out += text[i] as string;
          continue;
        }
        i += 2;
      }
      return out;
    };

    const bad = (why: string): TypeError =>
      new NativeTypeError(`formData: the body is no valid multipart/form-data (${why})`);

    const readMultipart = (bytes: Uint8Array, type: Mime): FormData => {
      const boundary = mimeParam(type, 'boundary');
      if (boundary === null || boundary === '') throw bad('no boundary in content-type');
      const form = newFormData();
      const open = utf8Encode(`--${boundary}`);
      const next = utf8Encode(`\r\n--${boundary}`);
      const blank = utf8Encode('\r\n\r\n');
      let at = find(bytes, open, 0);
      if (at < 0) throw bad('the boundary is missing');
      at += open.length;
      for (;;) {
        if (bytes[at] === 45 && bytes[at + 1] === 45) return form;
        while (bytes[at] === 32 || bytes[at] === 9) at++;
        if (bytes[at] !== 13 || bytes[at + 1] !== 10) throw bad('a boundary is not followed by a line end');
        const headEnd = find(bytes, blank, at);
        if (headEnd < 0) throw bad('a part has no end of headers');
        const head = headEnd === at ? '' : utf8Decode(window(bytes, at + 2, headEnd));
        const bodyEnd = find(bytes, next, headEnd + 2);
        if (bodyEnd < 0) throw bad('the closing boundary is missing');
        const body = window(bytes, headEnd + 4, mathMax(bodyEnd, headEnd + 4));
        addPart(form, head, body);
        at = bodyEnd + next.length;
      }
    };

    const window = (bytes: Uint8Array, from: number, to: number): Uint8Array =>
      new U8(bytes.buffer as ArrayBuffer, bytes.byteOffset + from, to - from);

    const addPart = (form: FormData, head: string, body: Uint8Array): void => {
      let disposition = '';
      let type = '';
      let at = 0;
      while (at < head.length) {
        let end = indexOf(head, '\r\n', at);
        if (end < 0) end = head.length;
        const line = slice(head, at, end);
        const colon = indexOf(line, ':');
        const name = toLowerCase(trimHttp(slice(line, 0, mathMax(colon, 0))));
        if (name === 'content-disposition') disposition = trimHttp(slice(line, colon + 1));
        else if (name === 'content-type') type = trimHttp(slice(line, colon + 1));
        at = end + 2;
      }
      const name = parameter(disposition, 'name');
      if (name === null) throw bad('a part has no name');
      const filename = parameter(disposition, 'filename');
      const entries = formEntries(form);
      // A byte order mark belongs to the value; the decoder takes one off.
      const marked = body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf;
      if (filename === null) entries.push({ name, value: `${marked ? '\ufeff' : ''}${utf8Decode(body)}` });
      else entries.push({ name, value: new File([copyBytes(body)], filename, { type: type || 'text/plain' }) });
    };

    return { writeMultipart, readMultipart };
  },
  '<multipart',
);

export const writeMultipart = (form: FormData): { bytes: Uint8Array; type: string } => late().writeMultipart(form);
export const readMultipart = (bytes: Uint8Array, type: Mime): FormData => late().readMultipart(bytes, type);
