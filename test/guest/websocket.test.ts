import { describe, expect, it } from 'vitest';
import { openGuest } from '../support/isolate.ts';

describe('server', () => {
  it('x', async () => {
    const guest = await openGuest(`
      export default { fetch() {
        const { 0: client, 1: server } = new WebSocketPair();
        server.accept();
        server.send('hello');
        return new Response(null, { status: 101, webSocket: client });
      } };`);
    const turn = guest.fetch();
    console.log(turn.commands);
    guest.close();
  });
});
