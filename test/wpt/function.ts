/** The function under which a case runs in an isolate of its own: takes a classic script, answers with its results. */
interface Page {
  readonly result: Promise<string>;
  failed(message: string): void;
}
declare const Response: new (body: string) => unknown;

// biome-ignore lint/security/noGlobalEval: a test is a classic script, and indirect eval is how a function runs one
const run = eval;

export default {
  async fetch(request: { text(): Promise<string> }): Promise<unknown> {
    const page = (): Page | undefined => (globalThis as unknown as Record<symbol, Page>)[Symbol.for('page')];
    try {
      run(await request.text());
    } catch (error) {
      const message = `the script threw ${error instanceof Error ? `${error}\n${error.stack}` : error}`;
      if (page() === undefined) return new Response(JSON.stringify({ status: 1, message, tests: [] }));
      page()?.failed(message);
    }
    return new Response(await page()!.result);
  },
};
