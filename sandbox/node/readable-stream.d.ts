/** The npm package is Node's own code and exports what `node:stream` does. */
declare module 'readable-stream/lib/stream.js' {
  const stream: typeof import('node:stream');
  export default stream;
}
