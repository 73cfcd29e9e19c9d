/** Timers as Node has them, for bundles that call methods of what `setTimeout` returns; elsewhere it returns a number. */
export { clearInterval, clearTimeout, setInterval, setTimeout } from './timers.ts';
