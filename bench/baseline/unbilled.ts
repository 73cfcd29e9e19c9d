/**
 * Loaded before a host (`--import`): its ledger is then the one that keeps nothing. A switch of the product's own for that
 * there is not, and should not be.
 */
import { registerHooks } from 'node:module';

const REAL = new URL('../../src/store/ledger.ts', import.meta.url).href;
const NULL = new URL('./null-ledger.ts', import.meta.url).href;

registerHooks({
  resolve(specifier, context, next) {
    const found = next(specifier, context);
    return found.url === REAL ? { ...found, url: NULL } : found;
  },
});
