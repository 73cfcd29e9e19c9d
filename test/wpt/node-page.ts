/** The same case on plain Node, in a process of its own: `node node-page.ts FILE`; the results go to descriptor 3. */
import { readFileSync, writeSync } from 'node:fs';
import { runInThisContext } from 'node:vm';
import type { Page, PageResult } from './page.ts';

// A page goes on after an error nobody caught.
process.on('unhandledRejection', () => undefined);
process.on('uncaughtException', () => undefined);

const RESULTS = 3;
const file = process.argv[2]!;
const finish = (text: string): never => {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(RESULTS, bytes, at);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
    }
  }
  process.exit(0);
};
const page = (): Page | undefined => (globalThis as unknown as Record<symbol, Page>)[Symbol.for('page')];
const stringify = JSON.stringify;
try {
  runInThisContext(readFileSync(file, 'utf8'), { filename: 'page.js' });
} catch (error) {
  const message = `the script threw ${error}`;
  if (page() === undefined) finish(stringify({ status: 1, message, tests: [] } satisfies PageResult));
  page()?.failed(message);
}
finish(await page()!.result);
