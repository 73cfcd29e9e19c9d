/** How `fetch` opens a socket, before the file of the classes is there. */
import type { HeaderState } from './45-headers.ts';

/** `fetch` with `Upgrade: websocket`, which becomes a Response; set by the file of the classes. */
export type SocketFetch = (url: string, headers: HeaderState) => Promise<object>;
let fetchSocket = undefined as unknown as SocketFetch;
export const setSocketFetch = (given: SocketFetch): void => {
  fetchSocket = given;
};
export const socketFetch: SocketFetch = (url, headers) => fetchSocket(url, headers);
