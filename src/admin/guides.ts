/** The guides (`docs/*.md`) as pages: one file each that loads nothing, with a style allowed by its hash. Open to all. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { markdownHtml, titleOf } from './markdown.ts';

export interface Guides {
  /** `/docs` without a name: all of them. */
  page(name: string | null): string | null;
  /** Content-Security-Policy. */
  readonly csp: string;
}

export function guides(): Guides {
  const directory = new URL('./docs/', import.meta.url);
  const names = readdirSync(directory)
    .filter((file) => file.endsWith('.md'))
    .map((file) => file.slice(0, -'.md'.length))
    .sort();
  const style = readFileSync(new URL('./console/guides.css', import.meta.url), 'utf8');
  const read = (name: string): string => readFileSync(new URL(`${name}.md`, directory), 'utf8');
  return {
    page: (name) => {
      if (name !== null && !names.includes(name)) return null;
      const links = names.map((each) => {
        const here = each === name ? ' aria-current="page"' : '';
        return `<a href="/docs/${each}"${here}>${titleOf(read(each))}</a>`;
      });
      const text = name === null ? '# Guides' : read(name);
      const list = name === null ? `<ul>${links.map((link) => `<li>${link}</li>`).join('')}</ul>` : '';
      return pageHtml(titleOf(text), style, `<main>${markdownHtml(text)}${list}</main>`, name === null ? [] : links);
    },
    csp: [
      "default-src 'none'",
      `style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'`,
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
    ].join('; '),
  };
}

function pageHtml(title: string, style: string, main: string, links: readonly string[]): string {
  const nav = links.length === 0 ? '' : `<nav aria-label="Guides">${links.join('')}</nav>`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title} · isolane</title>
<style>${style}</style>
</head>
<body>
<header><a href="/">isolane</a> <a href="/docs">guides</a></header>
${nav}
${main}
</body>
</html>
`;
}
