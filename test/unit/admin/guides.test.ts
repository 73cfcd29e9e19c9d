/** The guides: every file of `docs` is a page that loads nothing, and the Markdown they use becomes what it says. */
import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { markdownHtml, titleOf } from '../../../src/admin/markdown.ts';
import { clientOf, fakePorts } from './fakes.ts';

const NAMES = readdirSync(new URL('../../../src/admin/docs/', import.meta.url)).map((file) => file.slice(0, -3));
const get = clientOf(fakePorts().ports);
const open = { headers: { authorization: '' } };

describe('/docs', () => {
  it('lists every guide, without a token', async () => {
    const { status, text } = await get('/docs', open);
    expect(status).toBe(200);
    for (const name of NAMES) expect(text).toContain(`href="/docs/${name}"`);
  });

  it.each(NAMES)('has %s, whose links lead somewhere and whose policy allows its style alone', async (name) => {
    const { status, text, headers } = await get(`/docs/${name}`, open);
    expect(status).toBe(200);
    const [, style = ''] = /<style>(.*?)<\/style>/s.exec(text) ?? [];
    const hash = createHash('sha256').update(style).digest('base64');
    expect(headers.get('content-security-policy')).toContain(`default-src 'none'; style-src 'sha256-${hash}'`);
    for (const [, link = ''] of text.matchAll(/href="\/docs\/([^"]+)"/g)) expect(NAMES).toContain(link);
    // Nothing is left of the marks of Markdown outside of code.
    const prose = text.replace(/<(pre|style)[\s\S]*?<\/\1>|<code>[\s\S]*?<\/code>/g, '');
    expect(prose).not.toMatch(/\*\*|```|^#|\]\(|^\|/m);
  });

  it('knows no other', async () => {
    expect((await get('/docs/nothing', open)).status).toBe(404);
    expect((await get('/docs/..%2fadmin', open)).status).toBe(404);
  });
});

describe('Markdown', () => {
  it.each([
    ['# A `b`', '<h1>A <code>b</code></h1>'],
    ['one\ntwo\n\nthree', '<p>one\ntwo</p>\n<p>three</p>'],
    ['- a\n  b\n- **c**', '<ul>\n<li>a\n  b</li>\n<li><b>c</b></li>\n</ul>'],
    ['```ts\na < b\n\n# c\n```\nd', '<pre tabindex="0"><code>a &lt; b\n\n# c</code></pre>\n<p>d</p>'],
    [
      '[a](b.md) [c](https://d) [e](../f) `[g](h.md)`',
      '<p><a href="/docs/b">a</a> <a href="https://d">c</a> e <code>[g](h.md)</code></p>',
    ],
    ['<script> & "x"', '<p>&lt;script&gt; &amp; &quot;x&quot;</p>'],
  ])('%s', (text, html) => expect(markdownHtml(text)).toBe(html));

  it('has tables, with empty cells and bars in them', () => {
    const html = markdownHtml('| a | |\n|---|---|\n| `x\\|y` | z |');
    expect(html).toContain('<tr><th>a</th><th></th></tr>');
    expect(html).toContain('<td>z</td></tr>');
    expect(titleOf('# T `x`\n')).toBe('T x');
  });
});
