/** Does nothing but compute, for some 100 ms a request. */
export default {
  fetch(): Response {
    let hash = 0;
    for (let i = 0; i < 70_000_000; i++) hash = (Math.imul(hash ^ i, 16_777_619) >>> 3) ^ (hash << 5);
    return new Response(`${hash >>> 0}\n`);
  },
};
