/** node:querystring: Node's own code, by unenv. */
export * from 'unenv/node/querystring';
export { default } from 'unenv/node/querystring';
