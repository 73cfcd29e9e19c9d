/** A process that does nothing but compute, until it is ended. Its port is none: the line only says that it runs. */
import burn from '../functions/burn.ts';

process.stdout.write(`${JSON.stringify({ port: 0 })}\n`, () => {
  for (;;) burn.fetch();
});
