/** Parts of unenv that are Node's own code or tables: they export what the built-ins of their names do. */
declare module 'unenv/node/url' {
  export { format, parse, resolve, resolveObject } from 'node:url';
  export const Url: new () => object;
}
declare module 'unenv/node/querystring' {
  const all: typeof import('node:querystring');

  export * from 'node:querystring';
  export default all;
}
declare module 'unenv/node/punycode' {
  const all: object;
  export const version: string;
  export const ucs2: object;
  export const decode: (text: string) => string;
  export const encode: (text: string) => string;
  export const toASCII: (domain: string) => string;
  export const toUnicode: (domain: string) => string;
  export default all;
}
declare module 'unenv/node/constants' {
  const all: Record<string, number>;
  export default all;
}
declare module 'unenv/node/os' {
  export const constants: object;
}
declare module 'unenv/node/fs' {
  export const constants: Record<string, number>;
}
declare module 'unenv/node/http2' {
  export const constants: Record<string, number | string>;
}
