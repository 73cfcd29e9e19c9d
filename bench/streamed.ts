/**
 * What `streaming.ts` asks of every subject, as handlers of the Fetch standard: plain Hono serves them as they are,
 * isolane as functions. `echo` hands the body on, `rework` sees every chunk, `events` sends what has fallen due.
 */
export const EVENTS_PER_SECOND = 1000;

export function echo(request: Request): Response {
  return new Response(request.body);
}

/** Changes nothing, but has had every byte in its hands. */
export function rework(request: Request): Response {
  const seen = new TransformStream<Uint8Array, Uint8Array>({
    transform: (chunk, controller) => controller.enqueue(chunk),
  });
  return new Response(request.body?.pipeThrough(seen) ?? null);
}

/** `?count=`: so many server-sent events, event n due n ms after the first. */
export function events(request: Request): Response {
  const count = Number(new URL(request.url).searchParams.get('count'));
  const encoder = new TextEncoder();
  let timer: ReturnType<typeof setInterval> | undefined;
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      const startedAt = Date.now();
      let sent = 0;
      timer = setInterval(() => {
        const due = Math.min(count, ((Date.now() - startedAt) * EVENTS_PER_SECOND) / 1000 + 1);
        for (; sent < due; sent++) controller.enqueue(encoder.encode(`id: ${sent}\ndata: ${'x'.repeat(100)}\n\n`));
        if (sent < count) return;
        clearInterval(timer);
        controller.close();
      }, 1);
    },
    cancel: () => clearInterval(timer),
  });
  return new Response(stream, { headers: { 'content-type': 'text/event-stream' } });
}
