/** A guest finds no running clock (isolation catalogue 74), from a startup snapshot as little as without one. */
import { expect, it } from 'vitest';
import { Guest, START_MS } from '../support/isolate.ts';

const READ = `const temporal = () => typeof Temporal === 'object'
    ? [Temporal.Now.instant().epochMilliseconds, Temporal.Now.zonedDateTimeISO('UTC').epochMilliseconds,
       Temporal.Now.plainDateTimeISO('UTC').toString(), Temporal.Now.plainDateISO('UTC').toString(),
       Temporal.Now.plainTimeISO('UTC').toString()]
    : [];
  const read = () => [Date.now(), new Date().getTime(), Date(), performance.now() + performance.timeOrigin,
    new Intl.DateTimeFormat('en', { timeZone: 'UTC', dateStyle: 'full', timeStyle: 'full' }).format(),
    new Event('x').timeStamp, ...temporal()];
  const before = read();
  for (let i = 0; i < 3e6; i++) Math.sqrt(i);
  return [before, read()]`;

for (const snapshot of [false, true]) {
  it(`all clocks stand still within a turn (${snapshot ? 'from a snapshot' : 'fresh'})`, async () => {
    const [before, after] = (await Guest.eval(READ, { snapshot })) as [unknown[], unknown[]];
    expect(after).toEqual(before);
    expect(before[0]).toBe(START_MS);
    if (before.length > 6) expect(before.slice(6, 8)).toEqual([START_MS, START_MS]);
  });
}
