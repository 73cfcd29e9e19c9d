/**
 * The console page: three files of `console/` made into one response. Script and style are inlined and allowed by
 * their hash alone, so the page loads nothing, from here or elsewhere, and nothing injected into it would run.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

export interface ConsolePage {
  readonly html: string;
  /** Content-Security-Policy. */
  readonly csp: string;
}

export function consolePage(): ConsolePage {
  const read = (name: string) => readFileSync(new URL(`./console/${name}`, import.meta.url), 'utf8');
  const style = read('console.css');
  const script = read('console.js');
  const html = read('console.html')
    .replace('/*style*/', () => style)
    .replace('/*script*/', () => script);
  const csp = [
    "default-src 'none'",
    `script-src '${hashOf(script)}'`,
    `style-src '${hashOf(style)}'`,
    "connect-src 'self'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
  return { html, csp };
}

function hashOf(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}
