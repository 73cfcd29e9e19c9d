/** The globals Node programs expect; the bundler injects each where a bundle mentions it. */
export { Buffer } from './buffer.ts';
export { default as process } from './process.ts';
export { clearImmediate, setImmediate } from './timers.ts';
