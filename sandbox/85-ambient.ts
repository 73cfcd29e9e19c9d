/** `self`, and the objects that are globals by an accessor. */
import { defineProperty } from './00-primordials.ts';
import { theCrypto } from './65-crypto.ts';
import { theNavigator } from './84-navigator.ts';
import './84-text-streams.ts';

defineProperty(globalThis, 'self', { value: globalThis, writable: true, enumerable: true, configurable: true });
defineProperty(globalThis, 'crypto', { get: () => theCrypto, enumerable: true, configurable: true });
defineProperty(globalThis, 'navigator', { get: () => theNavigator, enumerable: true, configurable: true });
