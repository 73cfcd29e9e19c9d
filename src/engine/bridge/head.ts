/** Whether HTTP can carry a guest's response head. Judged before the bill is written, so that both say the same. */
import { validateHeaderName, validateHeaderValue } from 'node:http';
import type { HeaderList } from '../../contract/invocation.ts';

const MAX_PAIRS = 512;
const MAX_CHARS = 60 * 1024;

/** A list of headers longer than this on the wire is not even taken apart. */
const MAX_WIRE_CHARS = 256 * 1024;

/** `null`, or a sentence about a list as it crossed from the guest. */
export function listFlaw(text: string): string | null {
  return text.length > MAX_WIRE_CHARS ? `Headers may have ${MAX_CHARS} characters in all.` : null;
}

/** `null`, or a sentence what is wrong with it. 101 is for those who know of a socket. */
export function headFlaw(status: number, headers: HeaderList): string | null {
  if ((status < 200 && status !== 101) || status > 599)
    return `A response status must be from 200 to 599, not ${status}.`;
  if (headers.length / 2 > MAX_PAIRS) return `A response may have ${MAX_PAIRS} headers.`;
  let size = 0;
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i]!;
    const value = headers[i + 1]!;
    size += name.length + value.length;
    if (size > MAX_CHARS) return `Response headers may have ${MAX_CHARS} characters in all.`;
    try {
      validateHeaderName(name);
      validateHeaderValue(name, value);
    } catch {
      return `The response header ${JSON.stringify(name.slice(0, 100))} has a name or value that HTTP cannot carry.`;
    }
  }
  return null;
}
