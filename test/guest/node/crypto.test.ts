/** node:crypto in an isolate: the same calls on Node are the oracle, signatures and ciphertexts cross between the two. */
import * as nodeCrypto from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundled, evalBundled } from '../../support/bundled.ts';
import type { Guest } from '../../support/isolate.ts';

const IMPORT = "import crypto from 'node:crypto';";

/** The same body on both sides; what it returns must be equal as JSON. */
const both = async (body: string): Promise<void> => {
  const run = new Function('crypto', 'Buffer', `return (async () => { ${body} })();`) as (
    crypto: unknown,
    buffer: unknown,
  ) => Promise<unknown>;
  const node = JSON.parse(JSON.stringify((await run(nodeCrypto, Buffer)) ?? null));
  expect(await evalBundled(IMPORT, body)).toEqual(node);
};
const CAUGHT = `const caught = (work) => { try { return work(); } catch (e) { return [e.name, e.code ?? null, e.message]; } };`;
const LATER = `const later = (work) => new Promise((resolve, reject) => work((e, ...values) => (e ? reject(e) : resolve(values.length > 1 ? values : values[0]))));`;

describe('gives the bytes Node gives', () => {
  it.each([
    [
      'hashes',
      "return ['md5', 'sha1', 'sha256', 'SHA512', 'sha3-256', 'ripemd160', 'RSA-SHA256', 'blake2b512'].map((name) => crypto.createHash(name).update('ü').update(Buffer.from([1, 2])).update('ff', 'hex').digest('hex'))",
    ],
    [
      'a long hash in parts, copied on the way',
      "const h = crypto.createHash('sha256'); const part = Buffer.alloc(50_000, 7); for (let i = 0; i < 9; i++) h.update(part); const c = h.copy(); h.update('x'); return [h.digest('base64'), c.digest('base64url'), c.digest === h.digest]",
    ],
    [
      'shake with a length',
      "return [crypto.createHash('shake128', { outputLength: 40 }).update('a').digest('hex'), crypto.hash('sha1', 'a'), crypto.hash('sha256', Buffer.from('b'), 'base64')]",
    ],
    [
      'hmac, with every kind of key',
      "const k = crypto.createSecretKey(Buffer.from('key')); return ['key', Buffer.from('key'), k, new Uint8Array([107, 101, 121])].map((key) => crypto.createHmac('sha256', key).update('data').digest('hex'))",
    ],
    [
      'pbkdf2, scrypt, hkdf, argon2',
      `${LATER} const argon = { message: 'm', nonce: Buffer.alloc(16, 1), parallelism: 1, tagLength: 24, memory: 64, passes: 2 };
      return [crypto.pbkdf2Sync('p', 's', 1000, 70, 'sha512').toString('hex'), (await later((d) => crypto.pbkdf2('p', 's', 9, 33, 'sha1', d))).toString('hex'),
        crypto.scryptSync('p', 's', 33, { N: 1024 }).toString('hex'), (await later((d) => crypto.scrypt('p', 's', 33, { cost: 1024, r: 4 }, d))).toString('hex'),
        Buffer.from(crypto.hkdfSync('sha256', 'k', 's', 'i', 50)).toString('hex'), (await later((d) => crypto.hkdf('sha256', 'k', 's', 'i', 50, d))).byteLength,
        crypto.argon2Sync('argon2id', argon).toString('hex'), (await later((d) => crypto.argon2('argon2d', argon, d))).toString('hex')]`,
    ],
    [
      'ciphers',
      `const out = []; for (const [name, keySize, ivSize] of [['aes-128-cbc', 16, 16], ['aes-256-ctr', 32, 16], ['aes-192-ecb', 24, 0], ['des-ede3-cbc', 24, 8], ['chacha20-poly1305', 32, 12]]) {
        const c = crypto.createCipheriv(name, Buffer.alloc(keySize, 3), ivSize === 0 ? null : Buffer.alloc(ivSize, 4), name[0] === 'c' ? { authTagLength: 16 } : undefined);
        out.push(c.update('some text that is longer', 'utf8', 'hex') + c.update(Buffer.from('!')).toString('hex') + c.final('hex')); } return out`,
    ],
    [
      'GCM with a tag',
      `${CAUGHT} const key = Buffer.alloc(32, 1); const iv = Buffer.alloc(12, 2); const c = crypto.createCipheriv('aes-256-gcm', key, iv); const early = caught(() => c.getAuthTag());
      c.setAAD(Buffer.from('aad')); const sealed = Buffer.concat([c.update('hello'), c.final()]); const tag = c.getAuthTag();
      const open = (tag) => { const d = crypto.createDecipheriv('aes-256-gcm', key, iv); d.setAAD(Buffer.from('aad')); d.setAuthTag(tag); return d.update(sealed, null, 'utf8') + d.final('utf8'); };
      return [sealed.toString('hex'), tag.toString('hex'), open(tag), caught(() => open(Buffer.alloc(16))), early[1], caught(() => c.update('x'))[1], caught(() => c.final())[1]]`,
    ],
    [
      'without padding',
      "const c = crypto.createCipheriv('aes-128-cbc', Buffer.alloc(16), Buffer.alloc(16)).setAutoPadding(false); return c.update(Buffer.alloc(32), undefined, 'base64') + c.final('base64')",
    ],
    [
      'lists',
      "return [crypto.getHashes(), crypto.getCiphers(), crypto.getCurves(), crypto.getCipherInfo('aes-128-gcm'), crypto.getCipherInfo('nope') ?? null, { ...crypto.constants }]",
    ],
    [
      'what it refuses',
      `${CAUGHT} const h = crypto.createHash('md5'); h.digest(); return [() => crypto.createHash('nope'), () => h.update('x'), () => h.digest(), () => crypto.createHash('md5').update(5), () => crypto.createHmac('nope', 'k'),
        () => crypto.createHmac('sha1', undefined), () => crypto.timingSafeEqual(Buffer.alloc(1), Buffer.alloc(2)), () => crypto.randomInt(5, 1), () => crypto.randomBytes(-1), () => crypto.createCipheriv('aes-128-cbc', Buffer.alloc(3), Buffer.alloc(16)),
        () => crypto.createCipheriv('aes-128-cbc', Buffer.alloc(16), Buffer.alloc(3)), () => crypto.createSign('nope'), () => crypto.createECDH('nope'), () => crypto.pbkdf2Sync('p', 's', 0, 1, 'sha1'), () => crypto.pbkdf2Sync('p', 's', 1, 1, 'nope'),
        () => crypto.createDecipheriv('aes-128-cbc', Buffer.alloc(16), Buffer.alloc(16)).final()].map((work) => caught(work).slice(0, 2))`,
    ],
    [
      'comparisons',
      "return [crypto.timingSafeEqual(Buffer.from('abc'), new Uint8Array([97, 98, 99])), crypto.timingSafeEqual(Buffer.from('abc'), Buffer.from('abd'))]",
    ],
    [
      'primes',
      'return [crypto.checkPrimeSync(2n ** 127n - 1n), crypto.checkPrimeSync(Buffer.from([9])), crypto.checkPrimeSync(crypto.generatePrimeSync(96, { bigint: true })), crypto.generatePrimeSync(64).byteLength]',
    ],
  ])('%s', async (_name, body) => {
    await both(body);
  });

  it('for any data, in any pieces', async () => {
    const guest = await bundled(`${IMPORT}
      const hashed = (algorithm, parts) => { const h = crypto.createHash(algorithm); for (const part of parts) h.update(Buffer.from(part, 'hex')); return h.digest('hex'); };
      export default { async fetch(request) { const { algorithm, key, parts } = await request.json();
        const c = crypto.createCipheriv('aes-256-ctr', Buffer.alloc(32, key), Buffer.alloc(16, 1));
        return Response.json([hashed(algorithm, parts), crypto.createHmac(algorithm, key).update(parts.join('')).digest('hex'), parts.map((part) => c.update(part, 'utf8', 'hex')).join('') + c.final('hex')]); } }`);
    try {
      await fc.assert(
        fc.asyncProperty(
          fc.constantFrom('md5', 'sha1', 'sha256', 'sha384', 'sha512', 'sha3-224'),
          fc.string({ minLength: 1, maxLength: 80 }),
          fc.array(
            fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes).toString('hex')),
            { maxLength: 6 },
          ),
          async (algorithm, key, parts) => {
            const hash = nodeCrypto.createHash(algorithm);
            for (const part of parts) hash.update(Buffer.from(part, 'hex'));
            const hmac = nodeCrypto.createHmac(algorithm, key).update(parts.join(''));
            const cipher = nodeCrypto.createCipheriv('aes-256-ctr', Buffer.alloc(32, key), Buffer.alloc(16, 1));
            const sealed = cipher.update(parts.join(''), 'utf8', 'hex') + cipher.final('hex');
            const text = JSON.stringify({ algorithm, key, parts });
            const { body } = guest.guest.fetch('http://a/', { method: 'POST', body: { text } }).get('head');
            expect(JSON.parse((body as { text: string }).text)).toEqual([
              hash.digest('hex'),
              hmac.digest('hex'),
              sealed,
            ]);
          },
        ),
        { numRuns: 60 },
      );
    } finally {
      guest.guest.close();
    }
  });
});

describe('keys', () => {
  const made = nodeCrypto.generateKeyPairSync('rsa', { modulusLength: 2048 });
  const pem = made.privateKey.export({ format: 'pem', type: 'pkcs8' });
  const publicPem = made.publicKey.export({ format: 'pem', type: 'spki' });
  const ec = nodeCrypto.generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const ecPem = ec.privateKey.export({ format: 'pem', type: 'sec1' });
  const locked = made.privateKey.export({ format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: 'secret' });

  it('are read and written as Node does', async () => {
    await both(`const key = crypto.createPrivateKey(${JSON.stringify(pem)}); const pub = crypto.createPublicKey(key); const e = crypto.createPrivateKey(${JSON.stringify(ecPem)});
      const open = crypto.createPrivateKey({ key: ${JSON.stringify(locked)}, passphrase: 'secret' });
      return [key.type, key.asymmetricKeyType, key.asymmetricKeyDetails.modulusLength, String(key.asymmetricKeyDetails.publicExponent), pub.type, pub.export({ format: 'pem', type: 'pkcs1' }), pub.export({ format: 'der', type: 'spki' }).toString('hex'),
        pub.export({ format: 'jwk' }), e.export({ format: 'jwk' }), e.asymmetricKeyDetails, e.export({ format: 'pem', type: 'sec1' }), open.equals(key), Object.prototype.toString.call(key), key instanceof crypto.KeyObject,
        crypto.createPublicKey({ key: pub.export({ format: 'jwk' }), format: 'jwk' }).equals(pub), crypto.createSecretKey('ab', 'hex').export().toString('hex'), crypto.createSecretKey(Buffer.from('k')).export({ format: 'jwk' }), crypto.createSecretKey(Buffer.from('kk')).symmetricKeySize,
        crypto.createPrivateKey({ key: e.export({ format: 'der', type: 'pkcs8' }), format: 'der', type: 'pkcs8' }).equals(e)]`);
  });

  it('refuse a passphrase hashed without end before trying', async () => {
    // PBES2 with 2,000,000,000 iterations: the number is all that matters.
    const der = nodeCrypto
      .createPrivateKey(pem)
      .export({ format: 'der', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: 'x' });
    const at = der.indexOf(Buffer.from([0x02, 0x02, 0x08, 0x00]));
    expect(at).toBeGreaterThan(0);
    const absurd = Buffer.concat([der.subarray(0, at), Buffer.from([0x02, 0x02, 0x7f, 0xff]), der.subarray(at + 4)]);
    const within = `return crypto.createPrivateKey({ key: Buffer.from('${absurd.toString('base64')}', 'base64'), format: 'der', type: 'pkcs8', passphrase: 'x' }).type`;
    await expect(evalBundled(IMPORT, within)).rejects.toThrow(/bad decrypt|unsupported|operation failed|error:/i);
    const huge = Buffer.from(der);
    huge.set([0x02, 0x02, 0x08, 0x00], at);
    const longer = Buffer.from(
      '3052304c06092a864886f70d01050d303f302706092a864886f70d01050c301a0408000000000000000002047735940002012030' +
        '0c06082a864886f70d02090500301404080000000000000000' +
        '04020000',
      'hex',
    );
    await expect(
      evalBundled(
        IMPORT,
        `return crypto.createPrivateKey({ key: Buffer.from('${longer.toString('base64')}', 'base64'), format: 'der', type: 'pkcs8', passphrase: 'x' }).type`,
      ),
    ).rejects.toThrow(/more than 250000 iterations/);
  });

  describe('sign what the other verifies', () => {
    let guest: Guest;
    const ask = async (body: object): Promise<Record<string, string>> => {
      const { body: answer } = (
        await guest.settled(guest.fetch('http://a/', { method: 'POST', body: { text: JSON.stringify(body) } }))
      ).get('head');
      return JSON.parse((answer as { text: string }).text) as Record<string, string>;
    };
    beforeAll(async () => {
      ({ guest } = await bundled(`${IMPORT}
        const rsa = ${JSON.stringify(pem)}; const rsaPublic = ${JSON.stringify(publicPem)}; const ec = ${JSON.stringify(ecPem)};
        export default { async fetch(request) { const { data, signatures, sealed } = await request.json();
          const pss = { padding: crypto.constants.RSA_PKCS1_PSS_PADDING, saltLength: 20 };
          return Response.json({
            rsa: crypto.createSign('RSA-SHA256').update(data).sign(rsa, 'base64'), pss: crypto.sign('sha512', Buffer.from(data), { key: rsa, ...pss }).toString('base64'),
            ec: crypto.sign('sha256', Buffer.from(data), { key: ec, dsaEncoding: 'ieee-p1363' }).toString('base64'), der: crypto.createSign('sha256').update(data).sign(ec, 'base64'),
            verified: signatures === undefined ? null : [crypto.createVerify('sha256').update(data).verify(rsaPublic, signatures.rsa, 'base64'), crypto.verify('sha256', Buffer.from(data), crypto.createPublicKey(ec), Buffer.from(signatures.ec, 'base64')),
              crypto.verify('sha256', Buffer.from(data + '!'), rsaPublic, Buffer.from(signatures.rsa, 'base64'))],
            opened: sealed === undefined ? null : crypto.privateDecrypt({ key: rsa, oaepHash: 'sha256' }, Buffer.from(sealed, 'base64')).toString(),
            sealed: crypto.publicEncrypt(rsaPublic, Buffer.from(data)).toString('base64') }); } }`));
    });
    afterAll(() => guest.close());

    it('either way', async () => {
      const data = 'what is signed';
      const bytes = Buffer.from(data);
      const signatures = {
        rsa: nodeCrypto.sign('sha256', bytes, pem).toString('base64'),
        ec: nodeCrypto.sign('sha256', bytes, ecPem).toString('base64'),
      };
      const sealed = nodeCrypto.publicEncrypt({ key: publicPem, oaepHash: 'sha256' }, bytes).toString('base64');
      const got = await ask({ data, signatures, sealed });
      expect(got['verified']).toEqual([true, true, false]);
      expect(got['opened']).toBe(data);
      const of = (name: string): Buffer => Buffer.from(got[name] as string, 'base64');
      const pss = { padding: nodeCrypto.constants.RSA_PKCS1_PSS_PADDING, saltLength: 20 };
      expect(nodeCrypto.verify('sha256', bytes, publicPem, of('rsa'))).toBe(true);
      expect(nodeCrypto.verify('sha512', bytes, { key: publicPem, ...pss }, of('pss'))).toBe(true);
      expect(nodeCrypto.verify('sha256', bytes, { key: ec.publicKey, dsaEncoding: 'ieee-p1363' }, of('ec'))).toBe(true);
      expect(nodeCrypto.verify('sha256', bytes, ec.publicKey, of('der'))).toBe(true);
      expect(nodeCrypto.privateDecrypt(pem, of('sealed')).toString()).toBe(data);
    });
  });

  it('are made, in the turn and outside of it', async () => {
    expect(
      await evalBundled(
        IMPORT,
        `${LATER} const out = []; for (const [kind, options] of [['rsa', { modulusLength: 1024 }], ['ec', { namedCurve: 'P-384' }], ['ed25519'], ['x25519'], ['ml-dsa-44']]) {
          const now = crypto.generateKeyPairSync(kind, options); const [publicKey, privateKey] = await later((done) => crypto.generateKeyPair(kind, options ?? {}, done));
          out.push([now.publicKey.asymmetricKeyType, publicKey.type, privateKey.type]); }
        const text = crypto.generateKeyPairSync('rsa', { modulusLength: 1024, publicKeyEncoding: { format: 'pem', type: 'spki' }, privateKeyEncoding: { format: 'pem', type: 'pkcs8', cipher: 'aes-128-cbc', passphrase: 'p' } });
        const sealed = crypto.publicEncrypt(text.publicKey, Buffer.from('x')); return [...out, crypto.privateDecrypt({ key: text.privateKey, passphrase: 'p' }, sealed).toString(), crypto.generateKeySync('aes', { length: 256 }).symmetricKeySize]`,
      ),
    ).toEqual([
      ['rsa', 'public', 'private'],
      ['ec', 'public', 'private'],
      ['ed25519', 'public', 'private'],
      ['x25519', 'public', 'private'],
      ['ml-dsa-44', 'public', 'private'],
      'x',
      32,
    ]);
  });

  it('agree', async () => {
    expect(
      await evalBundled(
        IMPORT,
        `const [a, b] = [crypto.createECDH('secp256k1'), crypto.createECDH('secp256k1')]; a.generateKeys(); b.setPrivateKey(Buffer.alloc(32, 5));
        const [g, h] = [crypto.getDiffieHellman('modp14'), crypto.createDiffieHellmanGroup('modp14')]; g.generateKeys(); h.generateKeys();
        const [x, y] = [crypto.generateKeyPairSync('x25519'), crypto.generateKeyPairSync('x25519')]; const kem = crypto.generateKeyPairSync('ml-kem-768'); const { sharedKey, ciphertext } = crypto.encapsulate(kem.publicKey);
        return [a.computeSecret(b.getPublicKey()).equals(b.computeSecret(a.getPublicKey('hex', 'compressed'), 'hex')), b.getPublicKey('hex'), crypto.ECDH.convertKey(b.getPublicKey(), 'secp256k1', undefined, 'hex', 'compressed'),
          g.computeSecret(h.getPublicKey('hex'), 'hex', 'base64') === h.computeSecret(g.getPublicKey(), null, 'base64'), crypto.diffieHellman({ privateKey: x.privateKey, publicKey: y.publicKey }).equals(crypto.diffieHellman({ privateKey: y.privateKey, publicKey: x.publicKey })),
          crypto.decapsulate(kem.privateKey, ciphertext).equals(sharedKey)]`,
      ),
    ).toEqual(
      (() => {
        const b = nodeCrypto.createECDH('secp256k1');
        b.setPrivateKey(Buffer.alloc(32, 5));
        return [true, b.getPublicKey('hex'), b.getPublicKey('hex', 'compressed'), true, true, true];
      })(),
    );
  });
});

describe('the rest of the module', () => {
  it('has every name Node has, and says which are not here', async () => {
    const names = Object.keys(nodeCrypto).filter((name) => !['default', 'module.exports', 'fips'].includes(name));
    const missing = await evalBundled(
      "import * as crypto from 'node:crypto';",
      `return ${JSON.stringify(names)}.filter((name) => !(name in crypto))`,
    );
    expect(missing).toEqual([]);
    await expect(evalBundled(IMPORT, 'return crypto.createDiffieHellman(512)')).rejects.toThrow(
      /node:crypto.createDiffieHellman/,
    );
    await expect(evalBundled(IMPORT, 'return new crypto.X509Certificate("x")')).rejects.toThrow(
      /node:crypto.X509Certificate/,
    );
  });

  it('draws at random', async () => {
    expect(
      await evalBundled(
        IMPORT,
        `${LATER} const ints = Array.from({ length: 300 }, () => crypto.randomInt(-3, 4)); return [crypto.randomBytes(100_000).length, (await later((d) => crypto.randomBytes(9, d))).length, new Set(ints).size, Math.min(...ints), Math.max(...ints),
        /^[0-9a-f]{8}-[0-9a-f]{4}-4/.test(crypto.randomUUID()), /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab]/.test(crypto.randomUUIDv7()), crypto.randomFillSync(new Uint32Array(4), 2).subarray(0, 2).join(), crypto.getRandomValues(new Uint8Array(3)).length,
        crypto.webcrypto === globalThis.crypto, crypto.subtle === globalThis.crypto.subtle, crypto.randomBytes(16).equals(crypto.randomBytes(16))]`,
      ),
    ).toEqual([100_000, 9, 7, -3, 3, true, true, '0,0', 3, true, true, false]);
  });

  it('hashes are streams, as far as their users need', async () => {
    expect(
      await evalBundled(
        IMPORT,
        `const h = crypto.createHash('sha1'); h.setEncoding('hex'); h.write('a'); h.end('b'); const read = await new Promise((r) => h.on('readable', () => r(h.read())));
        const c = crypto.createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16)); const parts = []; c.on('data', (part) => parts.push(part)); c.write('abc'); c.end(); await new Promise((r) => c.on('end', r));
        const all = []; const piped = crypto.createHash('md5'); piped.end('x'); for await (const part of piped) all.push(part.toString('hex')); return [read, Buffer.concat(parts).toString('hex'), all]`,
      ),
    ).toEqual([
      nodeCrypto.hash('sha1', 'ab'),
      nodeCrypto.createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16)).update('abc', 'utf8', 'hex'),
      [nodeCrypto.hash('md5', 'x')],
    ]);
  });

  it.each([
    ["crypto.pbkdf2Sync('p', 's', 1e7, 32, 'sha256')", /PBKDF2.*asynchronous/],
    [
      "await new Promise((d) => crypto.pbkdf2('p', 's', 1e9, 32, 'sha256', d)).then((e) => { throw e; })",
      /PBKDF2 over all blocks/,
    ],
    ["crypto.scryptSync('p', 's', 32, { N: 2 ** 20, r: 8, maxmem: 2 ** 31 })", /memory of scrypt/],
    ["crypto.generateKeyPairSync('rsa', { modulusLength: 4096 })", /modulusLength.*asynchronous/],
    ["crypto.generateKeyPairSync('rsa', { modulusLength: 2048, publicExponent: 4 })", /publicExponent/],
    ["crypto.generateKeyPairSync('dsa', { modulusLength: 2048 })", /new group/],
    ['crypto.generatePrimeSync(4096)', /size of a prime/],
    ["crypto.createHash('shake256', { outputLength: 2 ** 30 })", /outputLength/],
  ])('%s is refused', async (code, sentence) => {
    await expect(evalBundled(IMPORT, `return ${code}`)).rejects.toThrow(sentence);
  });

  it('a hash of more than crosses at once', async () => {
    const body = "return crypto.createHash('sha1').update(Buffer.alloc(36 * 2 ** 20, 'ab')).digest('hex')";
    await both(body);
  });

  it('long hashes and ciphers that are never ended do not pile up', async () => {
    expect(
      await evalBundled(
        IMPORT,
        `const open = () => crypto.createHash('sha1').update(Buffer.alloc(70_000)); const first = open(); for (let i = 0; i < 300; i++) open(); try { return first.digest('hex'); } catch (e) { return e.message; }`,
      ),
    ).toMatch(/given up/);
  });
});

describe('what packages do with it', () => {
  it('tokens as jsonwebtoken signs them', async () => {
    const token = (await evalBundled(
      IMPORT,
      `const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
      const input = encode({ alg: 'HS256', typ: 'JWT' }) + '.' + encode({ sub: 'me' });
      const mac = crypto.createHmac('sha256', 'secret').update(input).digest('base64').replace(/=/g, '').replace(/\\+/g, '-').replace(/\\//g, '_');
      const [h, p, s] = (input + '.' + mac).split('.'); const again = crypto.createHmac('sha256', crypto.createSecretKey(Buffer.from('secret'))).update(h + '.' + p).digest('base64url');
      return [input + '.' + mac, crypto.timingSafeEqual(Buffer.from(s), Buffer.from(again))]`,
    )) as [string, boolean];
    const { jwtVerify } = await import('jose');
    expect((await jwtVerify(token[0], Buffer.from('secret'))).payload).toEqual({ sub: 'me' });
    expect(token[1]).toBe(true);
  });

  it('jose, signed and sealed', async () => {
    expect(
      await evalBundled(
        `import * as jose from '${import.meta.resolve('jose').slice(7)}';`,
        `const { publicKey, privateKey } = await jose.generateKeyPair('ES256'); const token = await new jose.SignJWT({ a: 1 }).setProtectedHeader({ alg: 'ES256' }).sign(privateKey);
        const secret = new Uint8Array(32); const sealed = await new jose.EncryptJWT({ b: 2 }).setProtectedHeader({ alg: 'dir', enc: 'A256GCM' }).encrypt(secret);
        const wrong = await jose.jwtVerify(token.slice(0, -4) + 'AAAA', publicKey).catch((e) => e.code);
        return [(await jose.jwtVerify(token, publicKey)).payload, (await jose.jwtDecrypt(sealed, secret)).payload, wrong]`,
      ),
    ).toEqual([{ a: 1 }, { b: 2 }, 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED']);
  });

  it('a request signed for AWS (the example of its documentation)', async () => {
    // https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html, GET Object.
    expect(
      await evalBundled(
        "import { createHash, createHmac } from 'crypto';",
        `const hmac = (key, text) => createHmac('sha256', key).update(text, 'utf8').digest(); const empty = createHash('sha256').update('').digest('hex');
        const canonical = ['GET', '/test.txt', '', 'host:examplebucket.s3.amazonaws.com', 'range:bytes=0-9', 'x-amz-content-sha256:' + empty, 'x-amz-date:20130524T000000Z', '', 'host;range;x-amz-content-sha256;x-amz-date', empty].join('\\n');
        const toSign = ['AWS4-HMAC-SHA256', '20130524T000000Z', '20130524/us-east-1/s3/aws4_request', createHash('sha256').update(canonical).digest('hex')].join('\\n');
        const key = ['20130524', 'us-east-1', 's3', 'aws4_request'].reduce((key, part) => hmac(key, part), 'AWS4wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'); return hmac(key, toSign).toString('hex')`,
      ),
    ).toBe('f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41');
  });
});
