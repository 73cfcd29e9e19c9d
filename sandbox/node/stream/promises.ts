/** node:stream/promises. */
import streams from '../stream.ts';

export const { finished, pipeline } = streams.promises;
export default { finished, pipeline };
