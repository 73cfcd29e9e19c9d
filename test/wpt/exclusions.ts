/** What is not run, and why: a file, or a folder that ends in "/". Nothing is left out for being hard. */
const CORS = 'is about origins of pages, and needs wptserve';
const SERVER = 'needs a handler of wptserve to answer';

const served = (folder: string, names: readonly string[]): readonly (readonly [string, string])[] =>
  names.map((name) => [`fetch/api/${folder}/${name}.any.js`, SERVER] as const);

export const EXCLUSIONS: readonly (readonly [path: string, reason: string])[] = [
  ['fetch/api/cors/', CORS],
  ['fetch/api/basic/mode-no-cors.sub.any.js', CORS],
  ['fetch/api/basic/mode-same-origin.any.js', CORS],
  ['fetch/api/credentials/', SERVER],
  ['fetch/api/redirect/', SERVER],
  ...served('basic', [
    'accept-header',
    'conditional-get',
    'error-after-response',
    'header-value-combining',
    'header-value-null-byte',
    'integrity.sub',
    'referrer',
    'request-forbidden-headers',
    'request-headers-case',
    'request-headers-nonascii',
    'request-headers',
    'request-referrer',
    'response-url.sub',
    'stream-response',
  ]),
  ...served('headers', ['header-values-normalize', 'header-values']),
  ...served('request', [
    'request-cache-default-conditional',
    'request-cache-default',
    'request-cache-force-cache',
    'request-cache-no-cache',
    'request-cache-no-store',
    'request-cache-only-if-cached',
    'request-cache-reload',
    'request-keepalive',
  ]),
];
