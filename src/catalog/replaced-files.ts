/**
 * A package's build for browsers is the right one here, because it speaks fetch and needs no files. A few of them
 * also need a document, which no isolate has: of these packages the file for Node is read in its place. And one file
 * for Node works on the insides of Node's zlib, where its public face does as well.
 */
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Plugin } from 'esbuild';

/** The name of the file beside it that is read instead, or the source. */
type Instead = { readonly file: string } | { readonly source: string };

const REPLACED: Readonly<Record<string, Instead>> = {
  // XML by DOMParser: S3 and the other services of AWS that answer in XML.
  '@aws-sdk/xml-builder/dist-es/xml-parser.browser.js': { file: 'xml-parser.js' },
  // PNG by a canvas.
  'qrcode/lib/browser.js': { file: 'index.js' },
  // HTML by DOMParser.
  'turndown/lib/turndown.browser.cjs.js': { file: 'turndown.cjs.js' },
  'turndown/lib/turndown.browser.es.js': { file: 'turndown.es.js' },
  'pngjs/lib/sync-inflate.js': {
    source: `const { inflateSync } = require('zlib');
module.exports = (data, { maxLength } = {}) => inflateSync(data).subarray(0, maxLength);`,
  },
};
const FILE = new RegExp(
  `[\\\\/]node_modules[\\\\/](${Object.keys(REPLACED)
    .map((path) =>
      path
        .split('/')
        .map((part) => part.replaceAll('.', '\\.'))
        .join('[\\\\/]'),
    )
    .join('|')})$`,
);
/** Turndown takes the DOM of this package where it has no document; its map for browsers leaves it out. */
const TURNDOWN_DOM = /^@mixmark-io\/domino$/;

export function replacedFiles(): Plugin {
  return {
    name: 'isolane-replaced-files',
    setup(build) {
      build.onLoad({ filter: FILE }, async ({ path }) => {
        const instead = REPLACED[FILE.exec(path)?.[1]?.replaceAll('\\', '/') ?? ''];
        if (instead === undefined) return undefined;
        const resolveDir = dirname(path);
        const contents = 'source' in instead ? instead.source : await readFile(join(resolveDir, instead.file));
        return { contents, loader: 'js', resolveDir };
      });
      // Asked for from outside the package, where its map does not hold.
      build.onResolve({ filter: TURNDOWN_DOM }, async ({ path, kind, resolveDir, importer }) => {
        const outside = join(resolveDir, '../..');
        if (!/[\\/]turndown[\\/]lib[\\/]/.test(importer)) return undefined;
        const found = await build.resolve(path, { kind, resolveDir: outside });
        return found.errors.length > 0 ? undefined : { path: found.path };
      });
    },
  };
}
