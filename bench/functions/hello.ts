/** The smallest useful answer. */
export default {
  fetch(): Response {
    return new Response('Hello, world!\n');
  },
};
