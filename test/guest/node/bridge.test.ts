/** `isolane:host` in hostile hands: the bundler refuses it, an isolate that gets it all the same loses nothing by it. */
import { expect, it } from 'vitest';
import { bundled } from '../../support/bundled.ts';
import { openGuest } from '../../support/isolate.ts';

const run = async (body: string): Promise<unknown> => {
  const guest = await openGuest(`import { host } from 'isolane:host'; export default { async fetch() { ${body} } };`, {
    plain: true,
    env: { A: 'b' },
    services: ['USERS'],
  });
  try {
    return JSON.parse((guest.fetch().get('head').body as { text: string }).text);
  } finally {
    guest.close();
  }
};

it('is refused in user code by the bundler', async () => {
  await expect(bundled("import { host } from 'isolane:host'; export default { fetch: () => host };")).rejects.toThrow(
    '"isolane:host" is the host\'s own module; functions cannot import it',
  );
});

it('hides the way to register a second module', async () => {
  await expect(
    openGuest("import { register } from 'isolane:hide'; export default { fetch: () => register };", { plain: true }),
  ).rejects.toThrow('isolane:hide');
});

it('is frozen, and gives each caller an environment of its own', async () => {
  expect(
    await run(`try { host.env = 1 } catch {} host.env().A = 'changed';
      return Response.json([Object.isFrozen(host), host.env(), typeof host.register, '__isolane_register' in globalThis]);`),
  ).toEqual([true, { A: 'b' }, 'undefined', false]);
});

it('checks what it is given', async () => {
  expect(
    await run(`const refusals = [() => host.log('loud', 'x'), () => host.log('info', {}), () => host.log(null, null)];
      return Response.json(refusals.map((one) => { try { return String(one()) } catch (e) { return e.name } }));`),
  ).toEqual(['TypeError', 'TypeError', 'TypeError']);
});

it('keeps no frame from one turn to the next', async () => {
  const guest = await openGuest(
    `import { host } from 'isolane:host'; host.carryContext();
    export default { fetch() { const before = host.enterFrame('mine'); return Response.json(String(before)); } };`,
    { plain: true },
  );
  const bodies = [guest.fetch(), guest.fetch()].map((turn) => (turn.get('head').body as { text: string }).text);
  guest.close();
  expect(bodies).toEqual(['"undefined"', '"undefined"']);
});
