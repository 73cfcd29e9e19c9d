/**
 * The guides' Markdown as HTML: headings, paragraphs, lists, tables, code blocks, `code`, **bold** and links, which is all
 * they use. For our own files: everything is escaped, and a link leads to another guide or to https, else it is text.
 */
const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** The first heading, without marks. */
export function titleOf(markdown: string): string {
  return (/^# (.+)$/m.exec(markdown)?.[1] ?? '').replaceAll('`', '');
}

export function markdownHtml(markdown: string): string {
  const lines = markdown.split('\n');
  const html: string[] = [];
  for (let at = 0; at < lines.length; ) {
    const line = lines[at] ?? '';
    const heading = /^(#{1,4}) (.+)$/.exec(line);
    if (line === '') at++;
    else if (line.startsWith('```')) {
      const end = lines.indexOf('```', at + 1);
      const stop = end < 0 ? lines.length : end;
      html.push(`<pre tabindex="0"><code>${escaped(lines.slice(at + 1, stop).join('\n'))}</code></pre>`);
      at = stop + 1;
    } else if (heading !== null) {
      const level = heading[1]?.length ?? 1;
      html.push(`<h${level}>${inline(heading[2] ?? '')}</h${level}>`);
      at++;
    } else {
      const kind = kindOf(line);
      let stop = at + 1;
      while (stop < lines.length && goesOn(kind, lines[stop] ?? '')) stop++;
      html.push(block(kind, lines.slice(at, stop)));
      at = stop;
    }
  }
  return html.join('\n');
}

type Kind = 'table' | 'list' | 'text';

function kindOf(line: string): Kind {
  return line.startsWith('|') ? 'table' : line.startsWith('- ') ? 'list' : 'text';
}

function goesOn(kind: Kind, line: string): boolean {
  if (line === '' || line.startsWith('```') || line.startsWith('#')) return false;
  return kind === 'list' ? !line.startsWith('|') : kindOf(line) === kind;
}

function block(kind: Kind, lines: readonly string[]): string {
  switch (kind) {
    case 'table':
      return table(lines);
    case 'list': {
      const items = lines.join('\n').split(/^- /m).slice(1);
      return `<ul>\n${items.map((item) => `<li>${inline(item.trim())}</li>`).join('\n')}\n</ul>`;
    }
    case 'text':
      return `<p>${inline(lines.join('\n'))}</p>`;
  }
}

/** The second line says only that this is a table. */
function table([head = '', , ...rows]: readonly string[]): string {
  const row = (line: string, tag: string): string => {
    const cells = line.replace(/^\||\|\s*$/g, '').split(/(?<!\\)\|/);
    return `<tr>${cells.map((cell) => `<${tag}>${inline(cell.trim().replaceAll('\\|', '|'))}</${tag}>`).join('')}</tr>`;
  };
  const body = rows.map((line) => row(line, 'td')).join('\n');
  return `<div class="scroll" tabindex="0"><table>\n<thead>${row(head, 'th')}</thead>\n<tbody>\n${body}\n</tbody></table></div>`;
}

/** Code first: nothing in it means anything. */
function inline(text: string): string {
  return text
    .split(/(`[^`]+`)/)
    .map((part) =>
      part.startsWith('`') && part.length > 2 ? `<code>${escaped(part.slice(1, -1))}</code>` : marked(part),
    )
    .join('');
}

function marked(text: string): string {
  return escaped(text)
    .replace(/\*\*([^*]+)\*\*/g, '<b>$1</b>')
    .replace(/\[([^\]]+)\]\(([^)\s]+)\)/g, (_, shown: string, target: string) => {
      const guide = /^(?:\.\/)?([a-z-]+)\.md$/.exec(target)?.[1];
      const href = guide === undefined ? (target.startsWith('https://') ? target : null) : `/docs/${guide}`;
      return href === null ? shown : `<a href="${href}">${shown}</a>`;
    });
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (character) => ESCAPES[character] ?? character);
}
