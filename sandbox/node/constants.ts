/** node:constants: numbers of Linux, by unenv. */
export * from 'unenv/node/constants';
export { default } from 'unenv/node/constants';
