// The sample as a Lambda function URL, emulated by lambda-local: `node lambda-local.js <package> <bundled function>`. Events of
// payload 2.0 in, its response object out, one `execute` a request. Prints its port.
import { createServer } from 'node:http';
import { createRequire } from 'node:module';

const lambdaLocal = createRequire(import.meta.url)(process.argv[2]);
const { default: hello } = await import(`file://${process.argv[3]}`);
lambdaLocal.getLogger().transports.forEach((transport) => (transport.silent = true));
const lambdaFunc = {
  handler: async (event) => {
    const request = new Request(`http://${event.headers.host}${event.rawPath}`, { headers: event.headers });
    const response = await hello.fetch(request, { GREETING: 'Hello' }, {});
    return { statusCode: response.status, headers: Object.fromEntries(response.headers), body: await response.text() };
  },
};
const server = createServer(async (request, response) => {
  const http = { method: request.method, path: request.url };
  const event = { version: '2.0', rawPath: request.url, headers: request.headers, requestContext: { http } };
  const answer = await lambdaLocal.execute({ event, lambdaFunc, lambdaHandler: 'handler', timeoutMs: 3000, verboseLevel: 0 });
  response.writeHead(answer.statusCode, { ...answer.headers, 'content-length': Buffer.byteLength(answer.body) });
  response.end(answer.body);
});
server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ port: server.address().port })));
