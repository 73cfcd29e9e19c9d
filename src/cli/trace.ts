/** `isolane trace ID`: the spans of one trace; `--json` is OTLP/JSON, which any collector reads. */
import { z } from 'zod';
import { ADMIN_OPTIONS, adminClient } from './admin-client.ts';
import type { Command } from './command.ts';
import { spanSchema, spanTree } from './spans.ts';

const traceSchema = z.looseObject({
  resourceSpans: z.array(z.looseObject({ scopeSpans: z.array(z.looseObject({ spans: z.array(spanSchema) })) })),
});

export const trace: Command = {
  name: 'trace',
  usage: 'ID',
  about: 'show the spans of one trace',
  words: { min: 1, max: 1 },
  options: ADMIN_OPTIONS,
  run: async (input, terminal) => {
    const path = `/v1/traces/${encodeURIComponent(input.words[0] ?? '')}`;
    const found = await adminClient(input, terminal).request(path, traceSchema);
    const spans = found.resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans));
    terminal.out(input.json ? JSON.stringify(found) : spanTree(spans).join('\n'));
    return 0;
  },
};
