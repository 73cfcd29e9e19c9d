/** The function under which a case runs in an isolate of its own: takes a classic script, answers with its results. */
declare const Response: new (body: string) => unknown;

// biome-ignore lint/security/noGlobalEval: a test is a classic script, and indirect eval is how a function runs one
const run = eval;

export default {
  async fetch(request: { text(): Promise<string> }): Promise<unknown> {
    const answer = (text: string): unknown => new Response(text);
    try {
      run(await request.text());
    } catch (error) {
      const message = `the script threw ${error instanceof Error ? `${error.name}: ${error.message}\n${error.stack}` : error}`;
      const page = (globalThis as Record<symbol, unknown>)[Symbol.for('page')];
      if (page === undefined) return answer(JSON.stringify({ status: 1, message, tests: [] }));
      console.error(message);
    }
    return answer(await (globalThis as unknown as Record<symbol, Promise<string>>)[Symbol.for('page')]!);
  },
};
