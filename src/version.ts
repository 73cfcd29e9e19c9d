/** The version of this package, from its own package.json: the same file in the repository and when installed. */
import { readFileSync } from 'node:fs';

export const VERSION: string = read();

function read(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return String((JSON.parse(text) as { version?: unknown }).version);
}
