/** node:constants: numbers of Linux, by unenv. */
import all from 'unenv/node/constants';

export * from 'unenv/node/constants';

const more = {
  RSA_SSLV23_PADDING: 2,
  UV_FS_O_RANDOM: 0,
  UV_FS_O_SEQUENTIAL: 0,
  UV_FS_O_SHORT_LIVED: 0,
  UV_FS_O_TEMPORARY: 0,
};
export const { RSA_SSLV23_PADDING, UV_FS_O_RANDOM, UV_FS_O_SEQUENTIAL, UV_FS_O_SHORT_LIVED, UV_FS_O_TEMPORARY } = more;
export const defaultCipherList = 'TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256';
export default { ...all, ...more, defaultCipherList };
