/** After `npm pack`: package.json as it was. */
import { moveEngine } from './engine-optional.ts';

moveEngine(new URL('..', import.meta.url).pathname, 'dependencies');
