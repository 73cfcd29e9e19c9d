/** Constants of node:http2 that packages read when they load. */
import { constants } from 'unenv/node/http2';

export default { constants, sensitiveHeaders: Symbol('nodejs.http2.sensitiveHeaders') };
