/** A bystander and a neighbour in one worker: workerd runs all workers of a process on one thread anyway. */
import burn from './burn.ts';
import hello from './hello.ts';

export default {
  fetch(request: Request): Response {
    return new URL(request.url).pathname.startsWith('/burn') ? burn.fetch() : hello.fetch();
  },
};
