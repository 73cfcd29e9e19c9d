/** What an invocation may ask of others: every fetch, every hop of a redirect, every command to a cache is one of them. */
import type { Job } from '../job.ts';

/** None is left; thrown where one would have been made. */
export class NoSubrequest extends Error {}

/** Takes one of the invocation's subrequests; what to say when there is none left. */
export function spend(job: Job): string | null {
  const limit = job.invocation.version.spec.limits.subrequests;
  if (job.subrequests < limit) {
    job.subrequests += 1;
    return null;
  }
  job.note({ limit: 'subrequests', used: limit + 1, reached: true });
  return `The function may make ${limit} subrequests per invocation (limits.subrequests).`;
}

/** The same for one more hop. Throws `NoSubrequest`. */
export function hop(job: Job): void {
  const message = spend(job);
  if (message !== null) throw new NoSubrequest(message);
}
