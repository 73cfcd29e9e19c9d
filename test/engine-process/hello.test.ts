/** An engine process serves like the host's own lanes do. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Path } from '../support/path.ts';

let path: Path;
beforeAll(async () => {
  path = await Path.open({ lanes: 1, realm: 'tenant-a' });
});
afterAll(async () => {
  await path.close();
});

describe('a function in an engine process', () => {
  it('answers', async () => {
    const { reply, story } = await path.run(path.handler("return new Response('hello')"));
    expect([reply.status, reply.text]).toEqual([200, 'hello']);
    expect(story.record.outcome).toBe('ok');
    expect(path.engine.processes.filter(({ realm }) => realm === 'tenant-a')).toHaveLength(1);
  });
});
