/** The guest's `ctx` as it crosses: a `WireContext`, assembled by hand because every request has one. */
import type { Invocation } from '../../contract/invocation.ts';

export function contextJson({ id, params, clientAddress, webhook }: Invocation, deadlineMs: number): string {
  const own = `"invocationId":"${id}","clientAddress":${JSON.stringify(clientAddress)},"deadlineMs":${deadlineMs}`;
  return `{${own},"params":${JSON.stringify(params)}${webhook === null ? '' : `,"webhook":${JSON.stringify(webhook)}`}}`;
}
