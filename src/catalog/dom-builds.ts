/**
 * A package's build for browsers is the right one here, because it speaks fetch and needs no files. A few of them
 * also need a document, which no isolate has: of these packages the file for Node is read in its place.
 */
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Plugin } from 'esbuild';

/** The file for browsers, and the name of the one for Node beside it. */
const FOR_NODE: Readonly<Record<string, string>> = {
  // XML by DOMParser: S3 and the other services of AWS that answer in XML.
  '@aws-sdk/xml-builder/dist-es/xml-parser.browser.js': 'xml-parser.js',
  // PNG by a canvas.
  'qrcode/lib/browser.js': 'index.js',
  // HTML by DOMParser.
  'turndown/lib/turndown.browser.cjs.js': 'turndown.cjs.js',
  'turndown/lib/turndown.browser.es.js': 'turndown.es.js',
};
const FILE = new RegExp(
  `[\\\\/]node_modules[\\\\/](${Object.keys(FOR_NODE)
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

export function domBuilds(): Plugin {
  return {
    name: 'isolane-dom-builds',
    setup(build) {
      build.onLoad({ filter: FILE }, async ({ path }) => {
        const key = FILE.exec(path)?.[1]?.replaceAll('\\', '/') ?? '';
        const file = join(dirname(path), FOR_NODE[key] ?? '');
        return { contents: await readFile(file), loader: 'js', resolveDir: dirname(file) };
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
