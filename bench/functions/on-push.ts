/** A webhook's consumer: reads the event, answers how much was in it. */
export default {
  async fetch(request: Request): Promise<Response> {
    const { commits } = (await request.json()) as { readonly commits: readonly unknown[] };
    return new Response(`${commits.length}\n`);
  },
};
