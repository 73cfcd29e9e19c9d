/** Asks five upstreams at once and answers with a sum of theirs. */
interface Item {
  readonly id: number;
  readonly price: number;
}

export default {
  async fetch(_request: Request, env: { readonly UPSTREAM: string }): Promise<Response> {
    const items = await Promise.all(
      [1, 2, 3, 4, 5].map(async (id) => (await (await fetch(`${env.UPSTREAM}/items/${id}`)).json()) as Item),
    );
    return Response.json({ ids: items.map(({ id }) => id), total: items.reduce((sum, { price }) => sum + price, 0) });
  },
};
