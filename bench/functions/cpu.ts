/** Does one piece of CPU-bound work: `?kind=integer&seed=1`. */
import { WORK } from '../cpu-work.ts';

export default {
  fetch(request: Request): Response {
    const query = new URL(request.url).searchParams;
    const work = WORK[query.get('kind') ?? ''];
    if (work === undefined) return new Response('no such kind', { status: 404 });
    return new Response(String(work(Number(query.get('seed')))));
  },
};
