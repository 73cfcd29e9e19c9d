/** Sends the body back: `/text` and `/bytes` read it whole first, `/streamed` hands it on. */
export default {
  async fetch(request: Request): Promise<Response> {
    const headers = { 'content-type': 'application/octet-stream' };
    switch (new URL(request.url).pathname) {
      case '/text':
        return new Response(await request.text(), { headers });
      case '/bytes':
        return new Response(await request.arrayBuffer(), { headers });
      default:
        return new Response(request.body, { headers });
    }
  },
};
