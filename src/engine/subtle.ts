/**
 * The work behind the guest's `crypto.subtle`, synchronous over node:crypto, inside the guest's turn. Keys travel as
 * base64 text of raw, SPKI or PKCS#8 bytes; nothing is kept between calls. Refuses what could hold the thread (RSA key
 * generation, more than 100,000 PBKDF2 iterations) before any work. Throws only `Refusal`; the caller maps the rest.
 */
import {
  constants,
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
  pbkdf2Sync,
  randomBytes,
  sign as signWith,
  timingSafeEqual,
  verify as verifyWith,
} from 'node:crypto';

const MAX_ITERATIONS = 100_000;
const MAX_DERIVED_BITS = 65_536;

class Refusal extends Error {
  readonly kind: string;
  constructor(kind: string, message: string) {
    super(message);
    this.kind = kind;
  }
}

type Args = Readonly<Record<string, unknown>>;
type Result = Uint8Array | string | boolean;

const HASHES: Readonly<Record<string, { readonly node: string; readonly block: number; readonly bytes: number }>> = {
  'SHA-1': { node: 'sha1', block: 512, bytes: 20 },
  'SHA-256': { node: 'sha256', block: 512, bytes: 32 },
  'SHA-384': { node: 'sha384', block: 1024, bytes: 48 },
  'SHA-512': { node: 'sha512', block: 1024, bytes: 64 },
};
const CURVES: Readonly<Record<string, string>> = {
  'P-256': 'prime256v1',
  'P-384': 'secp384r1',
  'P-521': 'secp521r1',
};

const text = (args: Args, name: string): string => {
  const value = Object.hasOwn(args, name) ? args[name] : undefined;
  if (typeof value !== 'string') throw new Refusal('SyntaxError', `${name} is missing`);
  return value;
};
const count = (args: Args, name: string, otherwise?: number): number => {
  const value = Object.hasOwn(args, name) ? args[name] : otherwise;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0) {
    throw new Refusal('OperationError', `${name} must be a non-negative integer`);
  }
  return value;
};
const octets = (args: Args, name: string): Uint8Array => {
  const value = Object.hasOwn(args, name) ? args[name] : undefined;
  if (value === undefined) return new Uint8Array(0);
  if (!Array.isArray(value) || value.length > 65_536) throw new Refusal('OperationError', `${name} must be bytes`);
  return Uint8Array.from(value as number[]);
};
const hashOf = (args: Args, name = 'hash'): (typeof HASHES)[string] => {
  const found = HASHES[text(args, name)];
  if (found === undefined) throw new Refusal('NotSupportedError', 'the hash is not supported');
  return found;
};
const material = (args: Args): Buffer => Buffer.from(text(args, 'material'), 'base64');

const keyObject = (args: Args): KeyObject => {
  const key = material(args);
  switch (text(args, 'type')) {
    case 'public':
      return createPublicKey({ key, format: 'der', type: 'spki' });
    case 'private':
      return createPrivateKey({ key, format: 'der', type: 'pkcs8' });
    default:
      throw new Refusal('InvalidAccessError', 'the key is of the wrong type');
  }
};

const KEY_TYPES: Readonly<Record<string, string>> = {
  'RSASSA-PKCS1-v1_5': 'rsa',
  'RSA-PSS': 'rsa',
  ECDSA: 'ec',
  Ed25519: 'ed25519',
};
const isSecret = (name: string): boolean =>
  name === 'HMAC' || name === 'AES-GCM' || name === 'PBKDF2' || name === 'HKDF';

const secretKey = (args: Args, key: Buffer): string => {
  const name = text(args, 'name');
  if (name === 'AES-GCM' && key.length !== 16 && key.length !== 24 && key.length !== 32) {
    throw new Refusal('DataError', 'an AES key has 128, 192 or 256 bits');
  }
  if (name === 'HMAC' && key.length === 0) throw new Refusal('DataError', 'an HMAC key cannot be empty');
  if (name === 'HMAC') hashOf(args);
  const length = name === 'HMAC' || name === 'AES-GCM' ? key.length * 8 : undefined;
  return JSON.stringify({ type: 'secret', material: key.toString('base64'), length });
};

const asymmetricKey = (args: Args, key: KeyObject): string => {
  const name = text(args, 'name');
  if (key.asymmetricKeyType !== KEY_TYPES[name]) throw new Refusal('DataError', `the key is not one for ${name}`);
  const details = key.asymmetricKeyDetails ?? {};
  if (name === 'ECDSA' && details.namedCurve !== CURVES[text(args, 'namedCurve')]) {
    throw new Refusal('DataError', 'the key is on another curve');
  }
  if (KEY_TYPES[name] === 'rsa') {
    hashOf(args);
    if ((details.modulusLength ?? 0) > 8192) throw new Refusal('DataError', 'RSA keys have at most 8192 bits here');
  }
  const der =
    key.type === 'public' ? key.export({ format: 'der', type: 'spki' }) : key.export({ format: 'der', type: 'pkcs8' });
  return JSON.stringify({ type: key.type, material: der.toString('base64'), modulusLength: details.modulusLength });
};

const importJwk = (args: Args, data: Buffer): string => {
  const jwk = JSON.parse(data.toString('utf8')) as Record<string, string>;
  if (isSecret(text(args, 'name'))) {
    if (jwk['kty'] !== 'oct' || typeof jwk['k'] !== 'string')
      throw new Refusal('DataError', 'the jwk is no secret key');
    return secretKey(args, Buffer.from(jwk['k'], 'base64url'));
  }
  const source = { key: jwk, format: 'jwk' as const };
  return asymmetricKey(args, jwk['d'] === undefined ? createPublicKey(source) : createPrivateKey(source));
};

const rawPublicKey = (args: Args, data: Buffer): KeyObject => {
  const name = text(args, 'name');
  if (name === 'Ed25519' && data.length === 32) {
    return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: data.toString('base64url') }, format: 'jwk' });
  }
  if (name === 'ECDSA' && data[0] === 4 && data.length % 2 === 1) {
    const half = (data.length - 1) / 2;
    const x = data.subarray(1, 1 + half).toString('base64url');
    const y = data.subarray(1 + half).toString('base64url');
    return createPublicKey({ key: { kty: 'EC', crv: text(args, 'namedCurve'), x, y }, format: 'jwk' });
  }
  throw new Refusal('DataError', 'the raw key is not valid');
};

const importKey = (args: Args, bytes: Uint8Array): string => {
  const data = Buffer.from(bytes);
  const format = text(args, 'format');
  try {
    if (format === 'jwk') return importJwk(args, data);
    if (isSecret(text(args, 'name'))) {
      if (format !== 'raw') throw new Refusal('NotSupportedError', `a secret key cannot be imported as ${format}`);
      return secretKey(args, data);
    }
    if (format === 'spki') return asymmetricKey(args, createPublicKey({ key: data, format: 'der', type: 'spki' }));
    if (format === 'pkcs8') return asymmetricKey(args, createPrivateKey({ key: data, format: 'der', type: 'pkcs8' }));
    if (format === 'raw') return asymmetricKey(args, rawPublicKey(args, data));
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw new Refusal('DataError', 'the key data is not valid');
  }
  throw new Refusal('NotSupportedError', 'the key format is not supported');
};

const exportKey = (args: Args): Result => {
  const format = text(args, 'format');
  const type = text(args, 'type');
  const name = text(args, 'name');
  if (type === 'secret') {
    if (format === 'raw') return new Uint8Array(material(args));
    if (format !== 'jwk') throw new Refusal('NotSupportedError', `a secret key cannot be exported as ${format}`);
    const key = material(args);
    const alg = name === 'HMAC' ? `HS${text(args, 'hash').slice(4)}` : `A${key.length * 8}GCM`;
    return JSON.stringify({ kty: 'oct', k: key.toString('base64url'), alg });
  }
  const key = keyObject(args);
  if (format === 'jwk') return JSON.stringify(key.export({ format: 'jwk' }));
  if (format === (type === 'public' ? 'spki' : 'pkcs8')) return new Uint8Array(material(args));
  if (format === 'raw' && type === 'public') {
    const { x, y } = key.export({ format: 'jwk' });
    const point = Buffer.from(x ?? '', 'base64url');
    if (y === undefined) return new Uint8Array(point);
    return new Uint8Array(Buffer.concat([Buffer.from([4]), point, Buffer.from(y, 'base64url')]));
  }
  throw new Refusal('NotSupportedError', `the key cannot be exported as ${format}`);
};

const generate = (args: Args): string => {
  const name = text(args, 'name');
  if (name === 'HMAC') {
    const bits = count(args, 'length', hashOf(args).block);
    if (bits === 0 || bits > 8192 || bits % 8 !== 0) throw new Refusal('OperationError', 'the key length is not valid');
    return secretKey(args, randomBytes(bits / 8));
  }
  if (name === 'AES-GCM') return secretKey(args, randomBytes(Math.min(count(args, 'length') / 8, 64)));
  const pair =
    name === 'Ed25519'
      ? generateKeyPairSync('ed25519')
      : name === 'ECDSA'
        ? generateKeyPairSync('ec', { namedCurve: CURVES[text(args, 'namedCurve')] ?? '' })
        : null;
  if (pair === null) {
    throw new Refusal('NotSupportedError', `generating a key for ${name} arrives with the complete guest runtime`);
  }
  return JSON.stringify({
    publicKey: asymmetricKey(args, pair.publicKey),
    privateKey: asymmetricKey(args, pair.privateKey),
  });
};

const signing = (args: Args): { hash: string | null; options: Record<string, unknown> } => {
  switch (text(args, 'name')) {
    case 'RSASSA-PKCS1-v1_5':
      return { hash: hashOf(args).node, options: { padding: constants.RSA_PKCS1_PADDING } };
    case 'RSA-PSS': {
      const saltLength = count(args, 'saltLength');
      return { hash: hashOf(args).node, options: { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength } };
    }
    case 'ECDSA':
      return { hash: hashOf(args).node, options: { dsaEncoding: 'ieee-p1363' } };
    case 'Ed25519':
      return { hash: null, options: {} };
    default:
      throw new Refusal('NotSupportedError', `${text(args, 'name')} cannot sign`);
  }
};

const mac = (args: Args, data: Uint8Array): Buffer =>
  createHmac(hashOf(args).node, material(args)).update(data).digest();

const sign = (args: Args, data: Uint8Array): Result => {
  if (text(args, 'name') === 'HMAC') return new Uint8Array(mac(args, data));
  const { hash, options } = signing(args);
  return new Uint8Array(signWith(hash, data, { key: keyObject(args), ...options } as never));
};

const verify = (args: Args, data: Uint8Array, signature: Uint8Array): Result => {
  if (text(args, 'name') === 'HMAC') {
    const expected = mac(args, data);
    return expected.length === signature.length && timingSafeEqual(expected, signature);
  }
  const { hash, options } = signing(args);
  return verifyWith(hash, data, { key: keyObject(args), ...options } as never, signature);
};

const gcm = (
  args: Args,
): { cipher: 'aes-128-gcm' | 'aes-192-gcm' | 'aes-256-gcm'; key: Buffer; iv: Uint8Array; tag: number } => {
  if (text(args, 'name') !== 'AES-GCM') throw new Refusal('NotSupportedError', 'only AES-GCM is supported');
  const key = material(args);
  const tag = count(args, 'tagLength', 128);
  if (tag % 8 !== 0 || tag < 96 || tag > 128) throw new Refusal('OperationError', 'tagLength must be 96 to 128');
  const iv = octets(args, 'iv');
  if (iv.length === 0) throw new Refusal('OperationError', 'iv is missing');
  return { cipher: `aes-${(key.length * 8) as 128 | 192 | 256}-gcm`, key, iv, tag: tag / 8 };
};

const encrypt = (args: Args, data: Uint8Array): Result => {
  const { cipher, key, iv, tag } = gcm(args);
  const aes = createCipheriv(cipher, key, iv, { authTagLength: tag });
  aes.setAAD(octets(args, 'additionalData'));
  return new Uint8Array(Buffer.concat([aes.update(data), aes.final(), aes.getAuthTag()]));
};

const decrypt = (args: Args, data: Uint8Array): Result => {
  const { cipher, key, iv, tag } = gcm(args);
  if (data.length < tag) throw new Refusal('OperationError', 'the data is shorter than the tag');
  const aes = createDecipheriv(cipher, key, iv, { authTagLength: tag });
  aes.setAAD(octets(args, 'additionalData'));
  aes.setAuthTag(data.subarray(data.length - tag));
  return new Uint8Array(Buffer.concat([aes.update(data.subarray(0, data.length - tag)), aes.final()]));
};

const derive = (args: Args): Result => {
  const bits = count(args, 'length');
  if (bits === 0 || bits % 8 !== 0 || bits > MAX_DERIVED_BITS)
    throw new Refusal('OperationError', 'length is not valid');
  const hash = hashOf(args).node;
  if (text(args, 'name') === 'HKDF') {
    return new Uint8Array(hkdfSync(hash, material(args), octets(args, 'salt'), octets(args, 'info'), bits / 8));
  }
  if (text(args, 'name') !== 'PBKDF2') throw new Refusal('NotSupportedError', 'only HKDF and PBKDF2 derive bits');
  const iterations = count(args, 'iterations');
  const blocks = Math.ceil(bits / 8 / hashOf(args).bytes);
  if (iterations < 1 || iterations * blocks > MAX_ITERATIONS) {
    throw new Refusal('NotSupportedError', `PBKDF2 is limited to ${MAX_ITERATIONS} iterations here`);
  }
  return new Uint8Array(pbkdf2Sync(material(args), octets(args, 'salt'), iterations, bits / 8, hash));
};

const NONE = new Uint8Array(0);

const run = (op: string, args: Args, bytes: readonly Uint8Array[]): Result => {
  const [first = NONE, second = NONE] = bytes;
  switch (op) {
    case 'digest':
      return new Uint8Array(createHash(hashOf(args, 'name').node).update(first).digest());
    case 'import':
      return importKey(args, first);
    case 'export':
      return exportKey(args);
    case 'generate':
      return generate(args);
    case 'sign':
      return sign(args, first);
    case 'verify':
      return verify(args, first, second);
    case 'encrypt':
      return encrypt(args, first);
    case 'decrypt':
      return decrypt(args, first);
    case 'derive':
      return derive(args);
    default:
      throw new Refusal('NotSupportedError', 'the operation is not supported');
  }
};

/** One operation; a refusal comes back as `"!<DOMException name>: <sentence>"`, never with words of the library. */
export const subtle = (op: string, argsJson: string, bytes: readonly Uint8Array[]): Result => {
  try {
    return run(op, JSON.parse(argsJson) as Args, bytes);
  } catch (error) {
    if (error instanceof Refusal) return `!${error.kind}: ${error.message}`;
    return '!OperationError: the operation failed for an operation-specific reason';
  }
};
