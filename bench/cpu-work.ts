/**
 * Five kinds of work that do nothing but compute, the same text inside an isolate and on plain Node. Each answers a number
 * that depends on everything it did. Sizes are chosen so that one takes some 50–150 ms.
 */
export type Work = (seed: number) => number;

/** Sieve, Collatz steps and a hash: small integers, typed arrays, branches. */
function integer(seed: number): number {
  const limit = 4_000_000;
  const composite = new Uint8Array(limit + 1);
  let primes = 0;
  for (let n = 2; n <= limit; n++) {
    if (composite[n] === 1) continue;
    primes += 1;
    for (let multiple = n * 2; multiple <= limit; multiple += n) composite[multiple] = 1;
  }
  let steps = 0;
  for (let n = 1; n < 150_000; n++) {
    for (let at = n + (seed & 7); at > 1; steps++) at = at % 2 === 0 ? at / 2 : at * 3 + 1;
  }
  let hash = seed | 0;
  for (let i = 0; i < 20_000_000; i++) hash = (Math.imul(hash ^ (i & 0xff), 16_777_619) >>> 3) ^ (hash << 5);
  return primes + steps + (hash >>> 0);
}

/** Planets around a sun, then a product of matrices: doubles in objects and in typed arrays. */
function float(seed: number): number {
  const bodies = Array.from({ length: 5 }, (_, n) => ({
    x: n * 1.5 + seed / 1000,
    y: n * 0.7,
    z: n * 0.1,
    vx: 0.1 * n,
    vy: 0.3 - 0.05 * n,
    vz: 0.01 * n,
    mass: 10 / (n + 1),
  }));
  for (let step = 0; step < 700_000; step++) {
    for (let i = 0; i < bodies.length; i++) {
      const a = bodies[i]!;
      for (let j = i + 1; j < bodies.length; j++) {
        const b = bodies[j]!;
        const dx = a.x - b.x;
        const dy = a.y - b.y;
        const dz = a.z - b.z;
        const square = dx * dx + dy * dy + dz * dz + 0.01;
        const pull = 0.0001 / (square * Math.sqrt(square));
        a.vx -= dx * b.mass * pull;
        a.vy -= dy * b.mass * pull;
        a.vz -= dz * b.mass * pull;
        b.vx += dx * a.mass * pull;
        b.vy += dy * a.mass * pull;
        b.vz += dz * a.mass * pull;
      }
    }
    for (const body of bodies) {
      body.x += 0.0001 * body.vx;
      body.y += 0.0001 * body.vy;
      body.z += 0.0001 * body.vz;
    }
  }
  const size = 256;
  const left = Float64Array.from({ length: size * size }, (_, i) => ((i * 7 + seed) % 11) / 11);
  const right = Float64Array.from({ length: size * size }, (_, i) => ((i * 5) % 13) / 13);
  const product = new Float64Array(size * size);
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      let sum = 0;
      for (let k = 0; k < size; k++) sum += left[row * size + k]! * right[k * size + column]!;
      product[row * size + column] = sum;
    }
  }
  return bodies.reduce((sum, body) => sum + body.x + body.y, 0) + product.reduce((sum, value) => sum + value, 0);
}

interface Order {
  readonly id: number;
  readonly customer: { readonly name: string; readonly tags: readonly string[] };
  readonly lines: readonly { readonly sku: string; readonly count: number; readonly price: number }[];
}

/** An API's daily bread: build, write, read and change documents. */
function json(seed: number): number {
  let total = 0;
  for (let round = 0; round < 800; round++) {
    const orders: Order[] = Array.from({ length: 50 }, (_, n) => ({
      id: seed + n,
      customer: { name: `customer "${n}"\n`, tags: ['new', 'eu', `t${n % 7}`] },
      lines: Array.from({ length: 4 }, (_, at) => ({ sku: `sku-${n}-${at}`, count: at + 1, price: n * 1.25 + at })),
    }));
    const text = JSON.stringify(orders);
    const read = JSON.parse(text) as Order[];
    const open = read.filter((order) => order.id % 3 !== 0).map(({ id, lines }) => ({ id, lines }));
    for (const { lines } of open) total += lines.reduce((sum, line) => sum + line.count * line.price, 0);
    total += text.length + JSON.stringify({ open }).length;
  }
  return total;
}

/** Lines of a log: matched, taken apart, rewritten. */
function regex(seed: number): number {
  const lines = Array.from(
    { length: 2000 },
    (_, n) =>
      `10.0.${n % 256}.${(n * 7) % 256} - user${n % 50} [22/Nov/2026:04:${n % 60}:00 +0000] "GET /items/${n}?page=${n % 9}&q=a+b%20c HTTP/1.1" ${200 + (n % 5) * 100} ${n * 13}`,
  );
  const line = /^(\S+) - (\S+) \[([^\]]+)\] "(GET|POST|PUT) ([^ ?]+)(?:\?([^ ]*))? HTTP\/[\d.]+" (\d{3}) (\d+)$/;
  const email = /\b[\w.+-]+@[\w-]+\.[\w.]+\b/g;
  let total = seed;
  for (let round = 0; round < 20; round++) {
    for (const text of lines) {
      const found = line.exec(text);
      if (found === null) throw new Error('a line did not match');
      total += Number(found[7]) + (found[6]?.match(/[&=]/g)?.length ?? 0);
      total += text.replace(/\d+/g, (digits) => (digits.length > 2 ? '#' : digits)).length;
      if (email.test(text) || !/HTTP/.test(text)) total += 1;
      total += text.split(/[ "]+/).length;
    }
  }
  return total;
}

/** Words counted, a template filled, text built and searched, character by character where it must be. */
function string(seed: number): number {
  const words = Array.from({ length: 3000 }, (_, n) => `word${(n * 7919 + seed) % 997}`);
  let total = 0;
  for (let round = 0; round < 100; round++) {
    const text = words.join(' ');
    const counts = new Map<string, number>();
    for (const word of text.split(' ')) counts.set(word, (counts.get(word) ?? 0) + 1);
    const sorted = [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
    let html = '';
    for (const [word, count] of sorted) html += `<li class="n${count}">${word.toUpperCase().padEnd(12)}</li>`;
    let hash = 0;
    for (let i = 0; i < html.length; i++) hash = (Math.imul(hash, 31) + html.charCodeAt(i)) | 0;
    const escaped = html.replaceAll('<', '&lt;').replaceAll('>', '&gt;');
    total += (hash >>> 0) + escaped.length + escaped.indexOf('WORD99') + escaped.slice(100, -100).trim().length;
    total += text.lastIndexOf('word1') + (text.includes('word500') ? 1 : 0) + [...text.slice(0, 2000)].reverse().length;
  }
  return total;
}

export const WORK: Readonly<Record<string, Work>> = { integer, float, json, regex, string };
