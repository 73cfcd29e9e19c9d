/** crypto.subtle in an isolate: the same code on Node is the oracle; what is ours are keys, bounds, turns and ends. */
import { webcrypto } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { Guest, openGuest } from '../support/isolate.ts';

const HELP = `
  const hex = (data) => [...new Uint8Array(data)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  const bytes = (size, first = 0) => Uint8Array.from({ length: size }, (_, i) => (first + i * 7) & 255);
  const name = (promise) => promise.then(() => 'done', (error) => error.name);
  const { subtle } = crypto;
`;
const quiet = process.emitWarning;

const onNode = async (code: string): Promise<unknown> => {
  process.emitWarning = () => undefined;
  try {
    const run = new Function('crypto', `return (async () => { ${HELP} ${code} })();`) as (
      c: Crypto,
    ) => Promise<unknown>;
    return JSON.parse(JSON.stringify((await run(webcrypto as never)) ?? null));
  } finally {
    process.emitWarning = quiet;
  }
};
const inGuest = (code: string): Promise<unknown> => Guest.eval(`${HELP} ${code}`);

describe('gives what Node gives', () => {
  const hashes = ['SHA-1', 'SHA-256', 'SHA-384', 'SHA-512', 'SHA3-256', 'SHA3-512'];
  const known = `{ const key = await subtle.importKey`;
  const rows: readonly [string, string][] = [
    ...hashes.map((hash): [string, string] => [
      `digest ${hash}`,
      `return [hex(await subtle.digest('${hash}', bytes(1000))), hex(await subtle.digest({ name: '${hash.toLowerCase()}' }, new Float64Array(9)))]`,
    ]),
    ...hashes
      .slice(0, 4)
      .map((hash): [string, string] => [
        `HMAC ${hash}, little and much`,
        `${known}('raw', bytes(20), { name: 'HMAC', hash: '${hash}' }, true, ['sign']); return [hex(await subtle.sign('HMAC', key, bytes(7))), hex(await subtle.sign('hmac', key, bytes(70000))), key.algorithm, (await subtle.exportKey('jwk', key))]; }`,
      ]),
    ...['AES-CBC', 'AES-CTR', 'AES-GCM'].map((aes): [string, string] => [
      aes,
      `${known}('raw', bytes(32), '${aes}', true, ['encrypt', 'decrypt', 'wrapKey']);
       const params = { name: '${aes}', iv: bytes(16), counter: bytes(16), length: 64, additionalData: bytes(5) };
       const sealed = await subtle.encrypt(params, key, bytes(100));
       return [hex(sealed), hex(await subtle.decrypt(params, key, sealed)), hex(await subtle.wrapKey('jwk', key, key, params)).length > 64, key.algorithm, key.usages]; }`,
    ]),
    [
      'AES-KW and unwrapping',
      `${known}('raw', bytes(16), 'AES-KW', true, ['wrapKey', 'unwrapKey']);
       const secret = await subtle.importKey('raw', bytes(32, 3), { name: 'HMAC', hash: 'SHA-256' }, true, ['sign']);
       const wrapped = await subtle.wrapKey('raw', secret, key, 'AES-KW');
       const again = await subtle.unwrapKey('raw', wrapped, key, 'AES-KW', { name: 'HMAC', hash: 'SHA-256' }, true, ['sign']);
       return [hex(wrapped), hex(await subtle.exportKey('raw', again)), again.type, again.usages]; }`,
    ],
    [
      'HKDF and PBKDF2, bits and keys',
      `const key = await subtle.importKey('raw', bytes(9), 'HKDF', false, ['deriveBits', 'deriveKey']);
       const word = await subtle.importKey('raw', bytes(9), 'PBKDF2', false, ['deriveBits', 'deriveKey']);
       const hkdf = { name: 'HKDF', hash: 'SHA-256', salt: bytes(4), info: bytes(3) };
       const pbkdf2 = { name: 'PBKDF2', hash: 'SHA-512', salt: bytes(16), iterations: 1000 };
       const derived = await subtle.deriveKey(pbkdf2, word, { name: 'AES-GCM', length: 128 }, true, ['encrypt']);
       return [hex(await subtle.deriveBits(hkdf, key, 300 * 8)), hex(await subtle.deriveBits(pbkdf2, word, 256)), hex(await subtle.exportKey('raw', derived)), derived.algorithm]`,
    ],
    [
      'refusals, by name',
      `const key = await subtle.importKey('raw', bytes(16), 'AES-GCM', false, ['encrypt']);
       return Promise.all([
         name(subtle.digest('nope', bytes(1))), name(subtle.digest('SHA-256', 'text')), name(subtle.digest('SHA-256')), name(subtle.exportKey('raw', key)),
         name(subtle.decrypt({ name: 'AES-GCM', iv: bytes(12) }, key, bytes(40))), name(subtle.encrypt({ name: 'AES-GCM', iv: bytes(12), tagLength: 5 }, key, bytes(4))),
         name(subtle.encrypt({ name: 'AES-CBC', iv: bytes(16) }, key, bytes(4))), name(subtle.importKey('raw', bytes(5), 'AES-GCM', true, ['encrypt'])),
         name(subtle.importKey('raw', bytes(16), 'AES-GCM', true, [])), name(subtle.importKey('nope', bytes(16), 'AES-GCM', true, ['encrypt'])),
         name(subtle.importKey('raw', bytes(16), 'AES-GCM', true, ['fly'])), name(subtle.generateKey({ name: 'AES-GCM', length: 100 }, true, ['encrypt'])),
         name(subtle.generateKey({ name: 'RSA-PSS', hash: 'SHA-256' }, true, ['sign'])), name(subtle.importKey('jwk', { kty: 'oct', k: '' }, 'AES-GCM', true, ['encrypt'])),
         name(subtle.sign('HMAC', {}, bytes(1))), name(subtle.digest.call({}, 'SHA-256', bytes(1))), name(subtle.deriveKey()),
       ])`,
    ],
  ];
  it.each(rows)('%s', async (_name, code) => {
    expect(await inGuest(code)).toEqual(await onNode(code));
  });

  const pairs: readonly [string, string, string, string][] = [
    [
      'RSASSA-PKCS1-v1_5',
      "{ modulusLength: 2048, publicExponent: bytes(3).map((_, i) => (i === 1 ? 0 : 1)), hash: 'SHA-256' }",
      '{}',
      'sign',
    ],
    [
      'RSA-PSS',
      "{ modulusLength: 2048, publicExponent: bytes(3).map((_, i) => (i === 1 ? 0 : 1)), hash: 'SHA-256' }",
      '{ saltLength: 32 }',
      'sign',
    ],
    [
      'RSA-OAEP',
      "{ modulusLength: 2048, publicExponent: bytes(3).map((_, i) => (i === 1 ? 0 : 1)), hash: 'SHA-256' }",
      '{ label: bytes(3) }',
      'encrypt',
    ],
    ['ECDSA', "{ namedCurve: 'P-256' }", "{ hash: 'SHA-256' }", 'sign'],
    ['ECDSA', "{ namedCurve: 'P-521' }", "{ hash: { name: 'SHA-512' } }", 'sign'],
    ['Ed25519', '{}', '{}', 'sign'],
    ['Ed448', '{}', '{}', 'sign'],
    ['ML-DSA-44', '{}', '{ context: bytes(4) }', 'sign'],
    ['ECDH', "{ namedCurve: 'P-384' }", '{}', 'derive'],
    ['X25519', '{}', '{}', 'derive'],
    ['X448', '{}', '{}', 'derive'],
    ['ML-KEM-768', '{}', '{}', 'capsule'],
  ];
  it.each(pairs)('%s %s', async (name, generate, use, kind) => {
    const usages = {
      sign: "['sign', 'verify']",
      encrypt: "['encrypt', 'decrypt']",
      derive: "['deriveBits']",
      capsule: "['encapsulateBits', 'decapsulateBits']",
    }[kind];
    const work = {
      sign: `const made = await subtle.sign(use, pair.privateKey, data); out.push(await subtle.verify(use, pair.publicKey, made, data), await subtle.verify(use, pair.publicKey, made, bytes(39)));`,
      encrypt: `const made = await subtle.encrypt(use, pair.publicKey, data); out.push(hex(await subtle.decrypt(use, pair.privateKey, made)) === hex(data));`,
      derive: `const other = await subtle.generateKey(algorithm, false, ${usages});
        out.push(hex(await subtle.deriveBits({ name: '${name}', public: other.publicKey }, pair.privateKey, 256)) === hex(await subtle.deriveBits({ name: '${name}', public: pair.publicKey }, other.privateKey, 256)));`,
      capsule: `const made = await subtle.encapsulateBits('${name}', pair.publicKey); out.push(made.sharedKey.byteLength, hex(await subtle.decapsulateBits('${name}', pair.privateKey, made.ciphertext)) === hex(made.sharedKey));`,
    }[kind];
    const code = `
      const algorithm = { name: '${name}', ...${generate} }; const use = { name: '${name}', ...${use} }; const out = []; const data = bytes(40);
      const pair = await subtle.generateKey(algorithm, true, ${usages});
      ${work}
      for (const [format, key] of [['jwk', pair.privateKey], ['pkcs8', pair.privateKey], ['spki', pair.publicKey], ['raw-public', pair.publicKey], ['raw-seed', pair.privateKey]]) {
        try {
          const exported = await subtle.exportKey(format, key);
          const again = await subtle.importKey(format, exported, algorithm, true, key.usages);
          out.push(format, again.type, again.usages, again.algorithm.name, format === 'jwk' ? Object.keys(exported).sort() : exported.byteLength > 0);
        } catch (error) { out.push(format, error.name); }
      }
      return [...out, pair.publicKey.usages, pair.privateKey.usages, pair.publicKey.extractable, Object.keys(pair)]`;
    expect(await inGuest(code)).toEqual(await onNode(code));
  });

  it('supports what Node supports', async () => {
    const code = `return ['SHA3-384', 'cSHAKE128', 'TurboSHAKE128', 'KT128', 'KMAC128', 'AES-OCB', 'ChaCha20-Poly1305', 'Argon2id', 'ML-KEM-1024', 'Nope'].map((name) =>
      ['digest', 'generateKey', 'importKey', 'sign'].map((op) => SubtleCrypto.supports(op, { name, outputLength: 256, length: 256 })))`;
    const node = await onNode(code.replace('SubtleCrypto.', 'crypto.subtle.constructor.'));
    expect(await inGuest(code)).toEqual(node);
  });

  it.each([
    ["hex(await subtle.digest({ name: 'cSHAKE128', outputLength: 256 }, bytes(30)))"],
    ["hex(await subtle.digest({ name: 'TurboSHAKE256', outputLength: 512, domainSeparation: 7 }, bytes(30)))"],
    [
      "hex(await subtle.sign({ name: 'KMAC256', outputLength: 256, customization: bytes(2) }, await subtle.importKey('raw-secret', bytes(32), 'KMAC256', true, ['sign']), bytes(3)))",
    ],
    [
      "hex(await subtle.encrypt({ name: 'ChaCha20-Poly1305', iv: bytes(12) }, await subtle.importKey('raw-secret', bytes(32), 'ChaCha20-Poly1305', true, ['encrypt']), bytes(3)))",
    ],
    [
      "hex(await subtle.deriveBits({ name: 'Argon2id', nonce: bytes(16), memory: 64, passes: 1, parallelism: 1 }, await subtle.importKey('raw-secret', bytes(8), 'Argon2id', false, ['deriveBits']), 256))",
    ],
  ])('%s', async (code) => {
    expect(await inGuest(`return ${code}`)).toEqual(await onNode(`return ${code}`));
  });
});

describe('keys', () => {
  it('show nothing of themselves and cannot be made by hand', async () => {
    expect(
      await inGuest(`const key = await subtle.importKey('raw', bytes(16), 'AES-GCM', false, ['encrypt']);
        return [Object.getOwnPropertyNames(key), JSON.stringify(key), String(key), key.usages === key.usages, key.algorithm === key.algorithm,
          (() => { try { new CryptoKey({}); } catch (e) { return e.name; } })(), (() => { try { new SubtleCrypto(); } catch (e) { return e.name; } })(), subtle === crypto.subtle]`),
    ).toEqual([[], '{}', '[object CryptoKey]', true, true, 'TypeError', 'TypeError', true]);
  });

  it('can be cloned', async () => {
    expect(
      await inGuest(`const key = await subtle.importKey('raw', bytes(16), 'AES-GCM', true, ['encrypt']); const { copy } = structuredClone({ copy: key });
        return [copy !== key, copy instanceof CryptoKey, hex(await subtle.exportKey('raw', copy)), copy.usages]`),
    ).toEqual([true, true, '00070e151c232a31383f464d545b6269', ['encrypt']]);
  });

  it('are kept in a bounded number: those used last, and before them what is used again and again', async () => {
    const guest = await openGuest(`
      const kept = crypto.subtle.importKey('raw', new Uint8Array(16), 'AES-GCM', true, ['encrypt']);
      let first;
      export default { async fetch(request) {
        const make = () => crypto.subtle.importKey('raw', new Uint8Array(16), 'AES-GCM', true, ['encrypt']);
        const name = async (key) => { try { return (await crypto.subtle.exportKey('raw', await key)).byteLength; } catch (e) { return e.name; } };
        if (request.url.endsWith('/make')) { first = await make(); for (let i = 0; i < 1100; i++) await make(); return new Response(); }
        return Response.json([await name(kept), await name(first), await name(make())]);
      } }`);
    try {
      await guest.settled(guest.fetch('http://a/make'));
      const { body } = (await guest.settled(guest.fetch('http://a/'))).get('head');
      expect(JSON.parse((body as { text: string }).text)).toEqual([16, 'InvalidStateError', 16]);
      expect(guest.desk.keys.size).toBe(1024);
    } finally {
      guest.close();
    }
  });
});

describe('turns', () => {
  const work =
    "crypto.subtle.deriveBits({ name: 'PBKDF2', hash: 'SHA-256', salt: new Uint8Array(8), iterations: 1000 }, key, 256)";

  it('a result comes in a later turn', async () => {
    const guest = await openGuest(
      `export default { async fetch() { await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign']); return new Response('x'); } }`,
    );
    try {
      const turn = guest.fetch();
      expect(turn.commands).toEqual([]);
      expect((await guest.settled(turn)).get('head').status).toBe(200);
    } finally {
      guest.close();
    }
  });

  it('a top level may wait for keys', async () => {
    const guest = await openGuest(`
      const key = await crypto.subtle.importKey('raw', new Uint8Array(8), 'PBKDF2', false, ['deriveBits']);
      const bits = await ${work};
      export default { fetch: () => new Response(String(bits.byteLength)) };`);
    try {
      expect(guest.ready?.handlers).toEqual(['fetch']);
      expect(guest.fetch().get('head').body).toEqual({ text: '32' });
    } finally {
      guest.close();
    }
  });

  it('what nobody waited for never arrives', async () => {
    const guest = await openGuest(`
      let late = 0;
      export default { async fetch(request) {
        if (request.url.endsWith('/leave')) { crypto.subtle.generateKey('Ed25519', true, ['sign']).then(() => { late += 1; }); return new Response('left'); }
        return new Response(String(late));
      } }`);
    try {
      guest.fetch('http://a/leave').get('head');
      const after = await guest.answer();
      expect(after.commands).toEqual([]);
      expect(guest.fetch('http://a/').get('head').body).toEqual({ text: '0' });
    } finally {
      guest.close();
    }
  });

  it('each of several invocations gets its own', async () => {
    const guest = await openGuest(
      `export default { async fetch(request) {
        const { pathname } = new URL(request.url);
        const data = new TextEncoder().encode(pathname);
        await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign']);
        console.log(pathname);
        return new Response(pathname + new Uint8Array(await crypto.subtle.digest('SHA3-256', data))[0]);
      } }`,
      { concurrency: 4 },
    );
    try {
      for (const path of ['a', 'b', 'c']) guest.fetch(`http://x/${path}`);
      const heads: unknown[] = [];
      while (heads.length < 3) heads.push(...(await guest.answer()).all('head').map(({ inv, body }) => [inv, body]));
      const expected = await Promise.all(
        ['/a', '/b', '/c'].map(async (path, i) => {
          const hash = new Uint8Array(await webcrypto.subtle.digest('SHA3-256', Buffer.from(path)));
          return [i + 1, { text: `${path}${hash[0]}` }];
        }),
      );
      expect(heads.sort()).toEqual(expected);
      expect(guest.lines.map(({ inv, text }) => [inv, text]).sort()).toEqual([
        [1, '/a'],
        [2, '/b'],
        [3, '/c'],
      ]);
    } finally {
      guest.close();
    }
  });
});

describe('refuses absurd work before it begins', () => {
  it.each([
    [
      "subtle.deriveBits({ name: 'PBKDF2', hash: 'SHA-512', salt, iterations: 1e9 }, await subtle.importKey('raw', salt, 'PBKDF2', false, ['deriveBits']), 256)",
      'NotSupportedError',
    ],
    [
      "subtle.deriveBits({ name: 'PBKDF2', hash: 'SHA-256', salt, iterations: 1000 }, await subtle.importKey('raw', salt, 'PBKDF2', false, ['deriveBits']), 2 ** 31 - 8)",
      'NotSupportedError',
    ],
    [
      "subtle.generateKey({ name: 'RSA-OAEP', modulusLength: 2 ** 20, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' }, true, ['encrypt'])",
      'NotSupportedError',
    ],
    [
      "subtle.generateKey({ name: 'RSA-PSS', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 0]), hash: 'SHA-256' }, true, ['sign'])",
      'OperationError',
    ],
    [
      "subtle.generateKey({ name: 'RSA-PSS', modulusLength: 2048, publicExponent: new Uint8Array([0, 0, 1]), hash: 'SHA-256' }, true, ['sign'])",
      'OperationError',
    ],
    ["subtle.generateKey({ name: 'HMAC', hash: 'SHA-256', length: 2 ** 31 - 8 }, true, ['sign'])", 'NotSupportedError'],
    [
      "subtle.deriveBits({ name: 'Argon2id', nonce: salt, memory: 2 ** 22, passes: 3, parallelism: 1 }, await subtle.importKey('raw-secret', salt, 'Argon2id', false, ['deriveBits']), 256)",
      'NotSupportedError',
    ],
    ["subtle.digest({ name: 'cSHAKE256', outputLength: 2 ** 31 }, salt)", 'NotSupportedError'],
    [
      "Promise.all(Array.from({ length: 5000 }, () => subtle.generateKey('Ed25519', true, ['sign'])))",
      'QuotaExceededError',
    ],
    ["subtle.digest('SHA-256', new Uint8Array(40 * 2 ** 20))", 'RangeError'],
  ])('%s', async (code, error) => {
    expect(await inGuest(`const salt = bytes(16); return name(${code})`)).toBe(error);
  });
});
